/** A curve in a line of text. */

const heights = '▁▂▃▄▅▆▇█';

/** Most points that are kept of a curve; even. */
const CAPACITY = 128;

/** The course of a value in bounded memory: when it is full, neighbours are averaged two by two, and each point stands for twice as many values. */
export class Course {
  #points: number[] = [];
  #valuesPerPoint = 1;
  #sum = 0;
  #values = 0;

  /** What is not finite is left out. */
  add(value: number): void {
    if (!Number.isFinite(value)) return;
    this.#sum += value;
    this.#values++;
    if (this.#values < this.#valuesPerPoint) return;
    this.#points.push(this.#sum / this.#values);
    this.#sum = this.#values = 0;
    if (this.#points.length < CAPACITY) return;
    this.#points = averaged(this.#points, CAPACITY / 2);
    this.#valuesPerPoint *= 2;
  }

  /** In at most so many characters, from the least value to the greatest; nothing of less than two points. */
  draw(characters: number): string {
    if (this.#points.length < 2 || characters < 2) return '';
    const points = averaged(this.#points, Math.min(characters, this.#points.length));
    const least = Math.min(...points);
    const range = Math.max(...points) - least;
    const heightOf = (value: number): number =>
      range === 0 ? 0 : Math.round(((value - least) / range) * (heights.length - 1));
    return points.map((value) => heights[heightOf(value)]!).join('');
  }
}

/** As many means of neighbours. */
function averaged(points: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * points.length) / count);
    const part = points.slice(from, Math.floor(((i + 1) * points.length) / count));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
