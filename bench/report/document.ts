// Puts tables into a page between two comments. The text around them is written by hand.

/** Replaces the text between `<!-- NAME -->` and `<!-- end of NAME -->`. */
export function withSection(page: string, name: string, content: string): string {
  const begin = `<!-- ${name} -->`
  const end = `<!-- end of ${name} -->`
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the page has no place for ${name}`)
  return `${page.slice(0, from + begin.length)}\n\n${content}\n\n${page.slice(to)}`
}
