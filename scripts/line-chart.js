/** A chart of lines as an SVG, for docs. */

const [width, height, left, right, top, bottom] = [760, 420, 64, 90, 24, 48];
const colours = ['#2563eb', '#059669', '#d97706', '#7c3aed', '#dc2626', '#0891b2'];

/**
 * @typedef {object} Axis
 * @property {string} name What it shows.
 * @property {(value: number) => number} place From 0 at one end to 1 at the other.
 * @property {[value: number, label: string][]} ticks
 *
 * @param {Axis} across
 * @param {Axis} upwards
 * @param {{ name: string, points: [number, number][] }[]} curves Each has its name at its end.
 * @param {[value: number, label: string][]} marks Values upwards that have a dashed line.
 * @returns {string}
 */
export function drawLines(across, upwards, curves, marks = []) {
  const x = (value) => round(left + (width - left - right) * across.place(value));
  const y = (value) => round(height - bottom - (height - top - bottom) * upwards.place(value));
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
  ];
  for (const [value, label] of upwards.ticks) {
    parts.push(
      `<path d="M${left} ${y(value)}H${width - right}" stroke="#ddd"/>`,
      text(left - 8, y(value) + 4, label, 'end'),
    );
  }
  for (const [value, label] of marks) {
    parts.push(
      `<path d="M${left} ${y(value)}H${width - right}" stroke="#555" stroke-dasharray="4 4"/>`,
      text(left + 6, y(value) - 5, label, 'start'),
    );
  }
  for (const [value, label] of across.ticks) {
    parts.push(text(x(value), height - bottom + 18, label, 'middle'));
  }
  parts.push(
    text((left + width - right) / 2, height - 10, across.name, 'middle'),
    text(left, 14, upwards.name, 'start'),
  );
  const ends = spread(curves.map(({ points }) => y(points.at(-1)[1])));
  curves.forEach(({ name, points }, i) => {
    const colour = colours[i % colours.length];
    const line = points.map(([from, to]) => `${x(from)},${y(to)}`).join(' ');
    parts.push(
      `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${x(points.at(-1)[0]) + 6}" y="${ends[i] + 4}" fill="${colour}" font-weight="bold">${name}</text>`,
    );
  });
  return [...parts, '</svg>'].join('\n');
}

/** Heights at which names can be read: each at least a line's height below the one above it. */
function spread(heights) {
  const placed = [...heights];
  let above = -Infinity;
  for (const i of [...heights.keys()].sort((a, b) => heights[a] - heights[b])) {
    above = Math.max(heights[i], above + 14);
    placed[i] = above;
  }
  return placed;
}

function text(atX, atY, content, anchor) {
  return `<text x="${round(atX)}" y="${round(atY)}" text-anchor="${anchor}" fill="#333">${content}</text>`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
