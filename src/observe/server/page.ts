/** The live page: one file without outside resources, which asks `/status.json` once a second. */
export const page = /* html */ `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Lockstep</title>
<style>
  :root { color-scheme: light dark; --train: #2563eb; --validation: #d97706; --faint: #8886; }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.25rem; margin: 0; }
  #run, #notice, figcaption { opacity: 0.75; margin: 0.25rem 0; overflow-wrap: anywhere; }
  progress { width: 100%; accent-color: var(--train); }
  dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 1rem; }
  dt { font-size: 0.8rem; opacity: 0.75; }
  dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
  figure { margin: 0; }
  svg { width: 100%; height: 20rem; overflow: visible; }
  svg text { font-size: 11px; fill: currentColor; opacity: 0.75; }
  .grid { stroke: var(--faint); }
  .curve { fill: none; stroke-width: 1.5; }
  .train { stroke: var(--train); color: var(--train); }
  .validation { stroke: var(--validation); color: var(--validation); }
</style>
</head>
<body>
<h1>Lockstep <span id="state">…</span></h1>
<p id="run"></p>
<progress id="progress" max="1" value="0"></progress>
<dl id="figures"></dl>
<figure>
  <figcaption>Loss: <b class="train">training</b>, <b class="validation">validation</b></figcaption>
  <svg id="chart" viewBox="0 0 800 300" preserveAspectRatio="none" role="img" aria-label="Loss by step"></svg>
</figure>
<p id="notice"></p>
<script>
  'use strict';
  const element = (id) => document.getElementById(id);
  const count = (value) => Math.round(value).toLocaleString('en-US');
  const share = (value) => (100 * value).toFixed(1) + ' %';
  const loss = (value) => (value == null ? 'not a number' : value.toFixed(4));
  const quality = (prefix, { accuracy, mse }) => [
    ...(accuracy === undefined ? [] : [[prefix + (prefix ? 'accuracy' : 'Accuracy'), share(accuracy)]]),
    ...(mse === undefined ? [] : [[prefix + 'RMSE', mse === null ? 'not a number' : Number(Math.sqrt(mse).toPrecision(4))]]),
  ];
  const time = (seconds) => {
    const minutes = Math.floor(seconds / 60);
    if (minutes === 0) return Math.round(seconds) + ' s';
    return minutes < 60 ? minutes + ' min ' + Math.round(seconds % 60) + ' s'
      : Math.floor(minutes / 60) + ' h ' + (minutes % 60) + ' min';
  };

  function listFigures({ run, figures, evaluation, phases, workerDeaths }) {
    const list = [];
    if (figures) {
      list.push(['Step', count(figures.step) + ' / ' + count(figures.totalSteps)],
        ['Epoch', figures.epoch + ' / ' + figures.epochs],
        ['Loss', loss(figures.loss)],
        ...quality('', figures),
        ['Tokens per second', count(figures.tokensPerSecond)],
        ['Time left', time(figures.secondsLeft)]);
    }
    if (evaluation) {
      list.push([evaluation.split + ' loss', loss(evaluation.loss)],
        ...quality(evaluation.split + ' ', evaluation));
    }
    if (run) list.push(['Workers', run.workers + ' (' + run.backend + ')']);
    if (workerDeaths > 0) list.push(['Workers lost', workerDeaths]);
    const total = Object.values(phases).reduce((sum, seconds) => sum + seconds, 0);
    for (const [phase, seconds] of Object.entries(phases)) {
      if (total > 0) list.push(['Time in ' + phase, share(seconds / total)]);
    }
    return list;
  }

  function make(name, attributes, text = '') {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.textContent = text;
    return node;
  }

  function drawChart({ train, validation }, totalSteps) {
    const real = (points) => points.filter(([, y]) => y !== null);
    const all = [...real(train), ...real(validation)];
    const chart = element('chart');
    chart.replaceChildren();
    if (all.length === 0) return;
    const { width, height } = chart.getBoundingClientRect();
    chart.setAttribute('viewBox', '0 0 ' + width + ' ' + height);
    const top = Math.max(...all.map(([, y]) => y)) * 1.05 || 1;
    const left = 48, bottom = height - 20;
    const toX = (step) => left + (width - left) * (step / totalSteps);
    const toY = (y) => bottom * (1 - y / top);
    for (let i = 0; i <= 4; i++) {
      const y = (top * i) / 4;
      chart.append(
        make('line', { class: 'grid', x1: left, x2: width, y1: toY(y), y2: toY(y) }),
        make('text', { x: left - 6, y: toY(y) + 4, 'text-anchor': 'end' }, y.toPrecision(3)));
    }
    chart.append(make('text', { x: left, y: height - 4 }, '0'),
      make('text', { x: width, y: height - 4, 'text-anchor': 'end' }, 'step ' + count(totalSteps)));
    for (const [name, points] of [['train', train], ['validation', validation]]) {
      const line = real(points).map(([x, y]) => toX(x) + ',' + toY(y)).join(' ');
      chart.append(make('polyline', { class: 'curve ' + name, points: line }));
    }
  }

  function show(status) {
    const { run, figures } = status;
    element('state').textContent = status.state;
    element('notice').textContent = status.notice ?? '';
    element('progress').value = figures ? figures.step / figures.totalSteps : 0;
    if (run) {
      document.title = status.state + ' ' + run.runDir;
      element('run').textContent = run.runDir + ': ' + run.task + ', ' + count(run.parameters) + ' parameters';
      drawChart(status.curves, run.totalSteps);
    }
    element('figures').replaceChildren(...listFigures(status).map(([name, value]) => {
      const item = document.createElement('div');
      item.append(document.createElement('dt'), document.createElement('dd'));
      item.firstChild.textContent = name;
      item.lastChild.textContent = value;
      return item;
    }));
  }

  async function poll() {
    try {
      const response = await fetch('status.json');
      show(await response.json());
    } catch {
      element('state').textContent = 'has ended, or cannot be reached';
    }
    setTimeout(poll, 1000);
  }
  poll();
</script>
</body>
</html>
`;
