// What `pondhawk doctor` finds.

export interface Finding {
  /** What was looked at: `port 1883`, `clock`. */
  readonly what: string
  readonly level: 'fine' | 'warning' | 'problem'
  readonly sentence: string
  /** What to do; null where nothing is to be done. */
  readonly mend: string | null
}

export function fine(what: string, sentence: string): Finding {
  return { what, level: 'fine', sentence, mend: null }
}

export function warning(what: string, sentence: string, mend: string): Finding {
  return { what, level: 'warning', sentence, mend }
}

export function problem(what: string, sentence: string, mend: string): Finding {
  return { what, level: 'problem', sentence, mend }
}
