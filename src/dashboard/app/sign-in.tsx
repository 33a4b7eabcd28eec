// What is shown to somebody who is not signed in: how to get a link.

import { enter } from './session.ts'
import { Icon } from './icon.tsx'
import { Failure, Snippet } from '../show/parts.tsx'

export function SignIn({ cause }: { readonly cause: string | null }) {
  return (
    <main class="card sign-in">
      <h1>
        <Icon /> Sign in to Pondhawk
      </h1>
      <Failure sentence={cause} />
      <p>A link signs you in. On the computer where Pondhawk runs, this command prints one:</p>
      <Snippet what="the command" text="pondhawk dashboard" />
      <p class="dim">
        Each link counts once, for 10 minutes. When Pondhawk starts in a terminal, it prints one
        too.
      </p>
      <button type="button" onClick={() => void enter()}>
        Try again
      </button>
    </main>
  )
}
