/** Makes elements. Texts come from people's data: they are only ever set as text, never as markup. */

type Child = Node | string | number | false | undefined;

interface Properties {
  class?: string;
  /** Attributes by name; false leaves one out, true sets it without a value. */
  attributes?: Record<string, string | number | boolean | undefined>;
  /** Custom properties of CSS, such as `--share`. */
  variables?: Record<string, string | number>;
  on?: { [name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[name]) => void };
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties | string = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  const {
    class: classes,
    attributes = {},
    variables = {},
    on = {},
  } = typeof properties === 'string' ? { class: properties } : properties;
  if (classes !== undefined && classes !== '') element.className = classes;
  setAttributes(element, attributes);
  for (const [name, value] of Object.entries(variables)) {
    element.style.setProperty(name, String(value));
  }
  for (const [name, listener] of Object.entries(on)) {
    element.addEventListener(name, listener as EventListener);
  }
  fill(element, ...children);
  return element;
}

/** An element of a drawing. */
export function draw(
  tag: string,
  attributes: Record<string, string | number>,
  ...children: readonly Child[]
): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(element, attributes);
  fill(element, ...children);
  return element;
}

/** Puts other children in the place of those that an element has. */
export function refill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren();
  fill(element, ...children);
}

/** Sets a text where it is another one, so that nothing is announced that has not changed. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A table with a caption that only screen readers tell, or all. */
export function table(
  caption: string | { shown: string },
  head: readonly (string | HTMLElement)[],
  rows: readonly HTMLTableRowElement[],
  classes = '',
): HTMLElement {
  const isShown = typeof caption !== 'string';
  const shown = isShown ? caption.shown : caption;
  return make(
    'div',
    { class: 'scroll', attributes: { tabindex: 0, role: 'region', 'aria-label': shown } },
    make(
      'table',
      classes,
      make('caption', isShown ? '' : 'unseen', shown),
      make(
        'thead',
        {},
        make('tr', {}, ...head.map((text) => make('th', { attributes: { scope: 'col' } }, text))),
      ),
      make('tbody', {}, ...rows),
    ),
  );
}

/** A row whose first cell names it. */
export function row(name: Child, ...cells: readonly Child[]): HTMLTableRowElement {
  return make(
    'tr',
    {},
    make('th', { attributes: { scope: 'row' } }, name),
    ...cells.map((cell) =>
      make('td', typeof cell === 'string' && /^[-+\d.,\s%−…]+$/.test(cell) ? 'number' : '', cell),
    ),
  );
}

function fill(element: Element, ...children: readonly Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false) continue;
    element.append(typeof child === 'number' ? String(child) : child);
  }
}

function setAttributes(
  element: Element,
  attributes: Record<string, string | number | boolean | undefined>,
): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
}
