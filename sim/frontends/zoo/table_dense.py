"""Detection and segmentation: one line each."""

from __future__ import annotations

from sim.frontends.zoo.entry import Accuracy, Option, Published, Value, ZooEntry
from sim.frontends.zoo.options import BATCH, DETECTIONS, NORMALISE, classes, resolution, width

DETECTION, SEGMENTATION = "object detection", "semantic segmentation"
OMZ = "Open Model Zoo (docs.openvino.ai), "
YOLOV5 = "ultralytics/yolov5, model summary of yolov5n (not fused) and README.md"
YOLOV8 = "ultralytics/ultralytics, cfg/models/v8/yolov8.yaml (not fused) and README.md"
AIHUB = "quic/ai-hub-models, parameters of the exported network: "
YOLOX = "Megvii-BaseDetection/YOLOX, README.md (estimated: recalled, unconfirmed)"
ULTRALYTICS = "docs.ultralytics.com (estimated: recalled, unconfirmed)"
FASTEST = "dog-qiuqiu/Yolo-FastestV2"
NANODET = "RangiLyu/nanodet, README.md"
DEEPLAB = "VainF/DeepLabV3Plus-Pytorch, README.md"
SEGMENTED = {
    "joins": Option(1, "3x3 convolutions after low-level features are joined", 1, 4),
    "pad_first": Option(False, "blocks pad their input before they expand it (jfzhang95/pytorch-deeplab-xception)"),
    "labels": Option(False, "end in the likeliest class of each pixel"),
    "normalise": NORMALISE,
}
DECODING = {"decoding": Option("operators", "boxes are decoded and suppressed by operators, or by one layer (Darknet, ncnn)", choices=("operators", "layer"))}
PREDICTORS = {"head": Option("ssd", "dense (ssd) or depthwise-separable (ssdlite) predictors", choices=("ssd", "ssdlite"))}
CAMERA = {
    "batch": BATCH,
    "height": Option(368, "image height in pixels", 16, 4096, 16),
    "width": Option(480, "image width in pixels", 16, 4096, 16),
    "first": Option(64, "channels of the first level", 1, 512),
    "levels": Option(4, "times the extents are halved; they must stay whole", 1, 6),
    "classes": classes(12),
}


def ssd(pixels: int) -> dict[str, Option]:
    return {"batch": BATCH, "resolution": resolution(pixels, 64), "width": width(), "classes": classes(90), "detections": DETECTIONS}


def yolo(pixels: int) -> dict[str, Option]:
    return {"batch": BATCH, "resolution": resolution(pixels, 32, 32), "classes": classes(80), "detections": DETECTIONS}


def voc(pixels: int, least: int = 32, multiple: int = 1) -> dict[str, Option]:
    return {"batch": BATCH, "resolution": resolution(pixels, least, multiple), "classes": classes(20)}


def coco(pixels: int) -> dict[str, Option]:
    return {"batch": BATCH, "resolution": resolution(pixels, 32, 32), "classes": classes(80)}


def omz(name: str, parameters: str, flops: str, **options: Value) -> Published:
    return Published(OMZ + name, parameters, flops, "elementwise", options)


def precision(percent: float, source: str) -> Accuracy:
    return Accuracy(percent, "COCO mAP %", source)


DENSE = (
    ZooEntry("ssd_mobilenet_v1", "SSD MobileNet V1", DETECTION, "ssd:ssd_mobilenet_v1", ssd(300), {}, (omz("ssd_mobilenet_v1_coco", "6.807e6", "2.494e9"),),
             precision(23.3212, f"{OMZ}ssd_mobilenet_v1_coco")),
    ZooEntry("ssd_mobilenet_v2", "SSD MobileNet V2", DETECTION, "ssd:ssd_mobilenet_v2", ssd(320) | PREDICTORS, {},
             (omz("ssd_mobilenet_v2_coco", "16.818e6", "3.775e9", resolution=300),
              omz("ssdlite_mobilenet_v2", "4.475e6", "1.525e9", resolution=300, head="ssdlite"))),
    ZooEntry("mobilenet_v1_ssd_voc", "SSD MobileNet V1 (Caffe, VOC)", DETECTION, "ssd_voc:mobilenet_ssd_voc", voc(300) | {"detections": DETECTIONS}, {},
             (omz("mobilenet-ssd", "5.783e6", "2.316e9"),), Accuracy(67.0, "VOC 2007 mAP %", f"{OMZ}mobilenet-ssd")),
    ZooEntry("squeezenet_ssd_voc", "SSD SqueezeNet 1.1 (Caffe, VOC)", DETECTION, "ssd_voc:squeezenet_ssd_voc", voc(300, 128) | {"detections": DETECTIONS}),
    ZooEntry("mobilenet_v1_yolo_voc", "YOLO on MobileNet V1 (Caffe, VOC)", DETECTION, "yolo_mobile:mobilenet_yolo", voc(416, 32, 32)),
    ZooEntry("mobilenet_v2_yolov3_voc", "YOLOv3 on MobileNet V2 (Caffe, VOC)", DETECTION, "yolo_mobile:mobilenet_v2_yolov3", voc(352, 32, 32)),
    ZooEntry("yolov3_tiny", "YOLOv3-tiny", DETECTION, "yolo_tiny:yolov3_tiny", yolo(416), {}, (omz("yolo-v3-tiny-onnx", "8.8509e6", "5.582e9"),)),
    ZooEntry("yolov4_tiny", "YOLOv4-tiny", DETECTION, "yolo_tiny:yolov4_tiny", yolo(416) | DECODING, {}, (omz("yolo-v4-tiny-tf", "6.0535e6", "6.9289e9"),)),
    ZooEntry("yolov5n", "YOLOv5n", DETECTION, "yolo:yolov5n", yolo(640), {}, (Published(YOLOV5, "1872157", "4.5e9", "flops"),), precision(28.0, YOLOV5)),
    ZooEntry("yolov8n", "YOLOv8n", DETECTION, "yolo:yolov8n", yolo(640), {}, (Published(YOLOV8, "3157200", "8.7e9", "flops"),), precision(37.3, YOLOV8)),
    ZooEntry("yolov5mu", "YOLOv5mu, not suppressed", DETECTION, "yolo_anchor_free:yolov5u", coco(640), {"width": 0.75, "depth": 0.67},
             (Published(ULTRALYTICS, "25.1e6", "64.2e9", "flops"),)),
    ZooEntry("yolov3_tinyu", "YOLOv3-tinyu, not suppressed", DETECTION, "yolo_anchor_free:yolov3_tinyu", coco(640), {},
             (Published(ULTRALYTICS, "12.2e6", "18.9e9", "flops"),)),
    ZooEntry("yolo11n", "YOLO11n, not suppressed", DETECTION, "yolo_anchor_free:yolo11n", coco(640), {},
             (Published(AIHUB + "yolov11_det", "2.64e6"), Published(ULTRALYTICS, "2.6e6", "6.5e9", "flops"))),
    ZooEntry("yolox_s", "YOLOX-s, not suppressed", DETECTION, "yolox:yolox_s", coco(640), {},
             (Published(AIHUB + "yolox", "8.98e6"), Published(YOLOX, "9.0e6", "26.8e9", "flops"))),
    ZooEntry("yolo_fastest_1.1", "YOLO-Fastest 1.1", DETECTION, "yolo_fastest:yolo_fastest", coco(320), {}, (Published(FASTEST, "", "0.252e9", "flops"),)),
    ZooEntry("yolo_fastest_v2", "YOLO-Fastest V2", DETECTION, "yolo_fastest:yolo_fastest_v2", coco(352), {},
             (Published(FASTEST, "0.25e6", "0.212e9", "flops"),)),
    ZooEntry("fastestdet", "FastestDet", DETECTION, "yolo_fastest:fastestdet", coco(352)),
    ZooEntry("nanodet_m", "NanoDet-m", DETECTION, "nanodet:nanodet_m", coco(320), {}, (Published(NANODET, "0.95e6"),), precision(20.6, NANODET)),
    ZooEntry("blazeface", "BlazeFace (front camera)", "face detection", "blazeface:blazeface",
             {"batch": BATCH, "resolution": resolution(128, 32, 16), "heads": Option(True, "predict boxes and scores; false: end in the features")}),
    ZooEntry("unet", "U-Net", SEGMENTATION, "unet:unet", CAMERA, {}, (omz("unet-camvid-onnx-0001", "31.03e6", "260.1e9"),),
             Accuracy(71.95, "CamVid mIoU %", f"{OMZ}unet-camvid-onnx-0001")),
    ZooEntry("deeplab_v3_plus", "DeepLab V3+ on MobileNet V2", SEGMENTATION, "deeplab:deeplab_v3_plus",
             {"batch": BATCH, "resolution": resolution(513, 65), "width": width(), "classes": classes(21)} | SEGMENTED, {},
             (Published(AIHUB + "deeplabv3_plus_mobilenet", "5.80e6", options={"joins": 2}), Published(DEEPLAB, "", "17.0e9"),),
             Accuracy(71.1, "VOC 2012 mIoU %", DEEPLAB), note="the source of the accuracy prints no parameter count"),
)  # fmt: skip
