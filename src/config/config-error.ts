// All problems of a configuration in one error.

/** One mistake with its place. */
export interface ConfigProblem {
  readonly path: readonly PropertyKey[]
  readonly sentence: string
  /** Another key whose value would correct it. */
  readonly remedy?: { readonly path: readonly string[]; readonly value: string }
}

export class ConfigError extends Error {
  readonly code = 'ERR_CONFIG'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(sentenceAt).join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

function sentenceAt(problem: ConfigProblem): string {
  const { path, sentence, remedy } = problem
  const cure = remedy === undefined ? '' : ` ${remedy.path.join('.')}: ${remedy.value}`
  return path.length === 0 ? `${sentence}${cure}` : `${path.join('.')}: ${sentence}${cure}`
}
