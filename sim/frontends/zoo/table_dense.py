"""Detection and segmentation: one line each."""

from __future__ import annotations

from sim.frontends.zoo.entry import Accuracy, Option, Published, Value, ZooEntry
from sim.frontends.zoo.options import BATCH, DETECTIONS, classes, resolution, width

DETECTION, SEGMENTATION = "object detection", "semantic segmentation"
OMZ = "Open Model Zoo (docs.openvino.ai), "
YOLOV5 = "ultralytics/yolov5, model summary of yolov5n (not fused) and README.md"
YOLOV8 = "ultralytics/ultralytics, cfg/models/v8/yolov8.yaml (not fused) and README.md"
DEEPLAB = "VainF/DeepLabV3Plus-Pytorch, README.md"
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
    ZooEntry("yolov3_tiny", "YOLOv3-tiny", DETECTION, "yolo_tiny:yolov3_tiny", yolo(416), {}, (omz("yolo-v3-tiny-onnx", "8.8509e6", "5.582e9"),)),
    ZooEntry("yolov4_tiny", "YOLOv4-tiny", DETECTION, "yolo_tiny:yolov4_tiny", yolo(416), {}, (omz("yolo-v4-tiny-tf", "6.0535e6", "6.9289e9"),)),
    ZooEntry("yolov5n", "YOLOv5n", DETECTION, "yolo:yolov5n", yolo(640), {}, (Published(YOLOV5, "1872157", "4.5e9", "flops"),), precision(28.0, YOLOV5)),
    ZooEntry("yolov8n", "YOLOv8n", DETECTION, "yolo:yolov8n", yolo(640), {}, (Published(YOLOV8, "3157200", "8.7e9", "flops"),), precision(37.3, YOLOV8)),
    ZooEntry("unet", "U-Net", SEGMENTATION, "unet:unet", CAMERA, {}, (omz("unet-camvid-onnx-0001", "31.03e6", "260.1e9"),),
             Accuracy(71.95, "CamVid mIoU %", f"{OMZ}unet-camvid-onnx-0001")),
    ZooEntry("deeplab_v3_plus", "DeepLab V3+ on MobileNet V2", SEGMENTATION, "deeplab:deeplab_v3_plus",
             {"batch": BATCH, "resolution": resolution(513, 65), "width": width(), "classes": classes(21)}, {}, (Published(DEEPLAB, "", "17.0e9"),),
             Accuracy(71.1, "VOC 2012 mIoU %", DEEPLAB), note="the source prints no parameter count"),
)  # fmt: skip
