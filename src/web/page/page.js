/* global document, performance, setTimeout */
import { loadModel } from './lockstep.js';

const find = (id) => document.getElementById(id);
const [form, text, go, output, fault] = ['form', 'text', 'go', 'output', 'fault'].map(find);
/** Rows of a table of classes, at most. */
const MOST = 20;

/** An element with attributes and children. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Lets the page be drawn before what takes time. */
const draw = () => new Promise((resolve) => setTimeout(resolve));

/** A field of its own among the controls; gives its value. */
function addNumber(id, label, attributes) {
  const input = element('input', { id, type: 'number', ...attributes });
  find('controls').append(element('div', {}, element('label', { for: id }, label), input));
  find('controls').hidden = false;
  return () => Number(input.value);
}

function showHint(words) {
  find('hint').textContent = words;
  find('hint').hidden = false;
}

/** What pages of each kind of model ask and show. */
const kinds = {
  classify: {
    prompt: 'Text',
    heading: (model) => (model.isMultiLabel ? 'Labels' : 'Classes'),
    isLive: true,
    async answer(model, given) {
      const [probabilities] = await model.classify([given]);
      const ranked = model.classes
        .map((name, id) => ({ name, probability: probabilities[id] }))
        .sort((a, b) => b.probability - a.probability);
      const rows = ranked.slice(0, MOST).map(({ name, probability }, place) => {
        const fill = element('div', { class: 'fill' });
        fill.style.width = `${100 * probability}%`;
        const isFirst = model.isMultiLabel ? probability > 0.5 : place === 0;
        return element(
          'tr',
          isFirst ? { class: 'first' } : {},
          element('th', { scope: 'row' }, name),
          element(
            'td',
            { class: 'bar' },
            element('div', { class: 'track', 'aria-hidden': 'true' }, fill),
          ),
          element('td', { class: 'number' }, `${(100 * probability).toFixed(1)} %`),
        );
      });
      output.replaceChildren(element('table', {}, element('tbody', {}, ...rows)));
    },
  },
  regress: {
    prompt: 'Text',
    heading: () => 'Number',
    isLive: true,
    async answer(model, given) {
      const [number] = await model.regress([given]);
      output.replaceChildren(element('p', { class: 'number-alone' }, number.toPrecision(6)));
    },
  },
  tag: {
    prompt: 'Tokens',
    heading: () => 'Tags',
    isLive: true,
    begin(model) {
      showHint(
        model.columns.length === 0
          ? 'White space parts tokens.'
          : `A token a line, and behind it, parted by blanks, what stands in the columns ${model.columns.join(', ')}.`,
      );
    },
    async answer(model, given) {
      const rows =
        model.columns.length === 0
          ? given.split(/\s+/).map((token) => [token])
          : given.split('\n').map((line) => line.trim().split(/\s+/));
      const known = rows.filter(([token]) => token !== undefined && token !== '');
      const tokens = known.map(([token]) => token);
      const columns = model.columns.map((name, i) =>
        known.map((row) => {
          if (row[i + 1] !== undefined) return row[i + 1];
          throw new Error(
            `The line of ${JSON.stringify(row[0])} has nothing for the column ${name}.`,
          );
        }),
      );
      const [tags] = await model.tag([columns.length === 0 ? tokens : { tokens, columns }]);
      const items = tokens.map((token, i) =>
        element(
          'li',
          tags[i] === 'O' ? {} : { class: 'told' },
          element('span', {}, token),
          element('span', { class: 'tag' }, tags[i]),
        ),
      );
      output.replaceChildren(element('ol', { class: 'tokens' }, ...items));
    },
  },
  generate: {
    prompt: 'Beginning of the text',
    button: 'Write on',
    heading: () => 'Text',
    begin() {
      this.length = addNumber('length', 'Tokens', { min: 1, max: 10000, value: 200 });
      this.temperature = addNumber('temperature', 'Temperature', {
        min: 0,
        max: 5,
        step: 0.1,
        value: 0.8,
      });
      this.seed = addNumber('seed', 'Seed', { min: 0, max: 4294967295, value: 1 });
    },
    async answer(model, prompt, isCurrent) {
      const [length, temperature, seed] = [this.length(), this.temperature(), this.seed()];
      const shown = element('p', { class: 'text' }, prompt);
      output.replaceChildren(shown);
      for await (const piece of model.generate({ prompt, length, temperature, topK: 0, seed })) {
        if (!isCurrent()) return;
        shown.append(piece);
        await draw();
      }
    },
  },
  translate: {
    prompt: 'Text, a line each',
    button: 'Translate',
    heading: () => 'Translation',
    begin() {
      this.beam = addNumber('beam', 'Beam width', { min: 1, max: 64, value: 5 });
    },
    async answer(model, given) {
      const beam = this.beam();
      const found = await model.translate(given.split('\n'), { beam });
      const lines = found.map(({ translations: [best] }) => best?.text ?? '');
      output.replaceChildren(element('p', { class: 'text' }, lines.join('\n')));
    },
  },
};

/** The latest question: answers to those before are dropped. */
let asked = 0;

async function ask(model, kind) {
  const number = ++asked;
  const isCurrent = () => number === asked;
  fault.textContent = '';
  if (text.value.trim() === '' && kind.isLive) {
    output.replaceChildren();
    return;
  }
  await draw();
  if (!isCurrent()) return;
  try {
    await kind.answer(model, text.value, isCurrent);
  } catch (error) {
    fault.textContent = error.message;
  }
}

try {
  const began = performance.now();
  const model = await loadModel();
  const kind = kinds[model.call];
  document.title = model.name;
  find('name').textContent = model.name;
  find('about').textContent = `Ready after ${Math.round(performance.now() - began)} ms.`;
  find('prompt').textContent = kind.prompt;
  find('heading').textContent = kind.heading(model);
  find('heading').hidden = false;
  go.textContent = kind.button ?? 'Compute';
  go.hidden = kind.isLive === true;
  kind.begin?.(model);
  if (kind.isLive) text.addEventListener('input', () => ask(model, kind));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    ask(model, kind);
  });
  form.hidden = false;
} catch (error) {
  find('about').textContent = 'The model cannot be loaded.';
  fault.textContent = error.message;
}
