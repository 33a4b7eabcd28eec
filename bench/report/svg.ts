// The common parts of the pictures: a frame for light and dark pages, and escaped text.

export const COLOURS: readonly string[] = ['#2f81f7', '#d29922', '#8957e5', '#3fb950', '#db6d28']

const STYLE = [
  'text { font: 12px sans-serif; fill: #57606a }',
  '.title { font-size: 14px; font-weight: bold }',
  'line { stroke: #57606a; stroke-opacity: .3 }',
  '@media (prefers-color-scheme: dark) { text { fill: #adbac7 } line { stroke: #adbac7 } }',
].join(' ')

export function svg(
  width: number,
  height: number,
  title: string,
  parts: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

export function text(
  x: number,
  y: number,
  words: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
  style = '',
): string {
  const attributes = style === '' ? '' : ` class="${style}"`
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${attributes}>${escaped(words)}</text>`
}

export function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
}

export function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** Returns the colour of a broker, by its position among all brokers of the picture. */
export function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? '#57606a'
}

/** The legend: names and their colours, from left to right. */
export function legend(names: readonly string[], x: number, y: number): readonly string[] {
  const parts: string[] = []
  let at = x
  for (const [index, name] of names.entries()) {
    parts.push(`<rect x="${at}" y="${y - 10}" width="12" height="12" fill="${colourOf(index)}"/>`)
    parts.push(text(at + 17, y, name))
    at += 40 + name.length * 7
  }
  return parts
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
