// Callbacks of programs for aedes → answers, at once if they are called at once.

import { errorOf } from '../thrown.ts'

type Outcome<Value> =
  | { readonly error: Error; readonly value?: undefined }
  | { readonly error: null; readonly value: Value }

/** Calls `ask` with a callback. Returns its outcome; a promise if it is called later. An exception is an error. */
export function outcomeOf<Value>(
  ask: (callback: (error?: Error | null, value?: Value) => void) => void,
  absent: Value,
): Outcome<Value> | Promise<Outcome<Value>> {
  let outcome: Outcome<Value> | null = null
  let settle: (outcome: Outcome<Value>) => void = found => {
    outcome ??= found
  }
  const callback = (error?: Error | null, value: Value = absent): void => {
    settle(error ? { error: errorOf(error) } : { error: null, value })
  }
  try {
    ask(callback)
  } catch (error) {
    callback(errorOf(error))
  }
  return outcome ?? new Promise(resolve => (settle = resolve))
}

/** Goes on with the outcome, at once if it is there. */
export function after<Found, Result>(
  outcome: Found | Promise<Found>,
  goesOn: (found: Found) => Result | Promise<Result>,
): Result | Promise<Result> {
  return outcome instanceof Promise ? outcome.then(goesOn) : goesOn(outcome)
}

/** Calls `done` when the promise is settled, in a turn of its own. */
export function settle(promise: Promise<void>, done: (error?: Error) => void = () => {}): void {
  promise.then(
    () => setImmediate(done),
    (error: unknown) => setImmediate(done, errorOf(error)),
  )
}
