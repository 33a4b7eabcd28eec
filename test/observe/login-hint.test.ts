import { test } from 'tap'
import { loginHint } from '../../src/observe/login-hint.ts'
import { BAD_USER_NAME_OR_PASSWORD } from '../../src/packet/reason.ts'

test('the hint for a client without a user names its client id, but not one that was assigned', async t => {
  const hint = (clientId: string): string | null => {
    const client = { version: 5, username: null, address: '10.0.0.7', transport: 'tcp' } as const
    return loginHint({ ...client, clientId }, BAD_USER_NAME_OR_PASSWORD)
  }

  t.equal(hint('esp32-7f'), 'pondhawk user add esp32-7f')
  t.equal(hint('auto-68bb0a87e35d9a9ab93311ed'), 'pondhawk user add NAME')
})
