// A conformance test names the statements of the specifications that it checks. The matrix in
// docs/reference/conformance.md is made from these names.

import { type Test, test } from 'tap'

export interface Statements {
  /** Ids of MQTT 5.0, as in `statements/mqtt-5.0.json`. */
  readonly v5?: readonly string[]
  /** Ids of MQTT 3.1.1, as in `statements/mqtt-3.1.1.json`. */
  readonly v311?: readonly string[]
}

/** The sentence says what the broker does; the test shows it. */
export function conforms(
  statements: Statements,
  sentence: string,
  show: (t: Test) => void | Promise<void>,
): void {
  const ids = [
    ...(statements.v5 ?? []).map(id => `5.0 ${id}`),
    ...(statements.v311 ?? []).map(id => `3.1.1 ${id}`),
  ]
  test(`${sentence} [${ids.join('] [')}]`, async t => {
    await show(t)
  })
}
