// Puts the report together: words and numbers at once, pictures when the columns are unpacked.
function navigation() {
  const nav = document.getElementById("nav");
  if (!nav) return;
  nav.replaceChildren(...[...document.querySelectorAll("section.card")].map((section) => el("a", { href: `#${section.id}`, text: section.querySelector("h2").textContent })));
}

function drawPictures(columns) {
  const shared = {};
  if (data.timeline || data.charts?.length) {
    const ends = (data.charts ?? []).flatMap((chart) => chart.series.map((one) => columns[`${one.column}_t`]?.at(-1) ?? 0));
    shared.view = timeView(Math.max(data.timeline?.end_s ?? 0, ...ends, 1e-9));
    if (data.timeline && columns.span_lane && columns.request_lane) shared.timeline = timelineCard(columns, shared.view);
    if (data.charts?.length) shared.charts = chartsCard(columns, shared.view, !data.timeline);
  }
  if (data.latency?.length) latencyCard(columns);
  if (data.models) {
    rooflineCard();
    shared.hasModels = true;
  }
  if (data.energy) energyCard();
  if (data.models) {
    buffersCard();
    operatorsCard();
  }
  return shared;
}

async function start() {
  const state = { data, columns: null, ready: false };
  window.edgesim = state;
  summaryCards();
  findingsCard();
  if (data.sweep) {
    const table = sweepTable();
    state.scatter = scatterCard(table);
    state.parallel = parallelCard(table);
    sweepRowsCard(table);
  }
  navigation();
  await new Promise((resolve) => { requestAnimationFrame(() => setTimeout(resolve)); }); // the first paint comes before the work
  try {
    state.columns = await unpackedColumns();
    Object.assign(state, drawPictures(state.columns));
  } catch (error) {
    document.getElementById("main").append(el("p", { class: "notice", role: "alert", text: `The pictures could not be drawn: ${error instanceof Error ? error.message : error}. A browser from 2023 or later is needed.` }));
    console.error(error);
  }
  if (data.sources) sourcesCard();
  scenarioCard();
  navigation();
  document.getElementById("foot").append(el("p", { class: "small about", text: "Made by edgesim. This file holds everything it shows and loads nothing." }));
  state.tools = { paretoFront, quantity };
  state.ready = true;
}

start();
