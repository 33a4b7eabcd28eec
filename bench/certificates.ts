// Certificates for the TLS scenarios, made by the script that development uses.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const SCRIPT = join(import.meta.dirname, '../../certs/make-certs.sh')

export function makeCertificates(directory: string): void {
  execFileSync('bash', [SCRIPT, directory], { stdio: ['ignore', 'ignore', 'inherit'] })
}
