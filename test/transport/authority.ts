// Authorities for certificates: they sign, and revoke what they have signed.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

const CNF = `[ca]
default_ca = own
[own]
database = DIR/index.txt
crlnumber = DIR/crlnumber
rand_serial = yes
new_certs_dir = DIR
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[client]
extendedKeyUsage = clientAuth
`

/** An authority in a folder of its own, with what openssl must remember of it. */
export class Authority {
  readonly directory: string

  constructor(directory: string, name: string, issuer: Authority | null) {
    this.directory = directory
    mkdirSync(directory)
    writeFileSync(resolve(directory, 'index.txt'), '')
    writeFileSync(resolve(directory, 'crlnumber'), '01\n')
    writeFileSync(resolve(directory, 'ca.cnf'), CNF.replaceAll('DIR', directory))
    if (issuer === null) {
      this.#run(
        'req',
        '-x509',
        ...KEY('ca.key'),
        '-subj',
        `/CN=${name}`,
        '-days',
        '30',
        '-config',
        'ca.cnf',
        '-extensions',
        'authority',
        '-out',
        'ca.crt',
      )
    } else {
      issuer.signs(directory, 'ca', name, 'authority')
    }
  }

  /** `end` is when the certificate expires; it has 30 days if none is given. */
  signs(
    directory: string,
    file: string,
    name: string,
    use: 'authority' | 'client',
    end: Date | null = null,
  ): void {
    const at = (ending: string): string => resolve(directory, `${file}.${ending}`)
    this.#run(
      'req',
      '-new',
      ...KEY(at('key')),
      '-subj',
      `/CN=${name}`,
      '-config',
      'ca.cnf',
      '-out',
      at('csr'),
    )
    this.#run(
      'ca',
      '-batch',
      '-notext',
      ...OWN,
      '-extensions',
      use,
      ...(end === null ? [] : ['-enddate', asn1Time(end)]),
      '-in',
      at('csr'),
      '-out',
      at('crt'),
    )
  }

  revokes(certificate: string): void {
    this.#run('ca', ...OWN, '-revoke', certificate)
  }

  get list(): string {
    this.#run('ca', ...OWN, '-gencrl', '-out', 'list.pem')
    return readFileSync(resolve(this.directory, 'list.pem'), 'utf8')
  }

  get certificate(): string {
    return readFileSync(resolve(this.directory, 'ca.crt'), 'utf8')
  }

  #run(...words: string[]): void {
    execFileSync('openssl', words, { cwd: this.directory, stdio: 'ignore' })
  }
}

/** `20261127103000Z` */
function asn1Time(date: Date): string {
  return `${date.toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`
}

const OWN = ['-config', 'ca.cnf', '-cert', 'ca.crt', '-keyfile', 'ca.key']
const KEY = (file: string): string[] => [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  file,
]
