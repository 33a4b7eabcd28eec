// Names of clients on a terminal.

/** Returns the name; quoted, with escapes, if it has spaces, quotes or characters that could control the terminal. */
export function shownName(name: string): string {
  if (!/[\p{C}\s"\\]/u.test(name) && name !== '') return name
  return JSON.stringify(name).replaceAll(/\p{C}/gu, sign => {
    const code = sign.codePointAt(0) ?? 0
    return `\\u{${code.toString(16)}}`
  })
}

/** Returns the JSON with escapes for the characters that could control a terminal. It means the same. */
export function terminalSafe(json: string): string {
  return json.replaceAll(/[\p{Cc}\p{Cf}]/gu, sign => {
    let escapes = ''
    for (let unit = 0; unit < sign.length; unit++) {
      escapes += `\\u${sign.charCodeAt(unit).toString(16).padStart(4, '0')}`
    }
    return escapes
  })
}

/** Returns a sentence of the broker, which may have names of clients in it. */
export function shownSentence(sentence: string): string {
  return /\p{C}/u.test(sentence) ? shownName(sentence) : sentence
}
