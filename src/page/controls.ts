import { make, setText } from './dom.js';
import type { View } from './view.js';

/** Smoothing, scale and the steps that are looked at. */
export class Controls {
  readonly #smoothing = make('input', {
    attributes: { type: 'range', min: 0, max: 0.99, step: 0.01, value: 0, id: 'smoothing' },
  });
  readonly #shown = make('output', { attributes: { for: 'smoothing' } }, '0');
  readonly #scale = make('input', { attributes: { type: 'checkbox' } });
  readonly #from = make('input', {
    attributes: { type: 'number', min: 0, 'aria-label': 'First step' },
  });
  readonly #to = make('input', {
    attributes: { type: 'number', min: 0, 'aria-label': 'Last step' },
  });
  readonly #all = make('button', { attributes: { type: 'button' } }, 'All steps');
  readonly #told = make('p', { class: 'soft', attributes: { role: 'status', hidden: true } });
  readonly element = make(
    'form',
    {
      class: 'controls',
      attributes: { 'aria-label': 'Charts' },
      on: { submit: (e) => e.preventDefault() },
    },
    make('label', {}, 'Smoothing ', this.#smoothing, this.#shown),
    make('label', {}, this.#scale, ' Logarithmic'),
    make('span', 'range', 'Steps ', this.#from, ' to ', this.#to, this.#all),
    this.#told,
  );

  constructor(
    private readonly view: View,
    onChange: () => void,
  ) {
    this.#smoothing.addEventListener('input', () => {
      view.smoothing = this.#smoothing.valueAsNumber;
      this.#shown.value = view.smoothing.toFixed(2);
      onChange();
    });
    this.#scale.addEventListener('change', () => {
      view.logarithmic = this.#scale.checked;
      onChange();
    });
    const zoom = () => {
      const [from, to] = [this.#from.valueAsNumber, this.#to.valueAsNumber];
      if (Number.isNaN(from) && Number.isNaN(to)) view.range = undefined;
      else view.range = { from: from || 0, to: Number.isNaN(to) ? Number.MAX_SAFE_INTEGER : to };
      onChange();
    };
    this.#from.addEventListener('change', zoom);
    this.#to.addEventListener('change', zoom);
    this.#all.addEventListener('click', () => {
      view.range = undefined;
      onChange();
    });
    this.show();
  }

  /** Says why the charts show less than was asked for. */
  tell(message: string): void {
    setText(this.#told, message);
    this.#told.hidden = message === '';
  }

  /** What is looked at, also where a chart was dragged over. */
  show(): void {
    const { range } = this.view;
    this.#from.value = range === undefined ? '' : String(range.from);
    this.#to.value = range === undefined || range.to > 1e12 ? '' : String(range.to);
    this.#all.disabled = range === undefined;
  }
}
