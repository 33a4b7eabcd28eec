// Prints the software bill of materials of the package, in CycloneDX: what it depends on, and what the dashboard was built from. `npm sbom
// --omit dev` leaves out packages that tools need as well (ws, yaml), and what is built in.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const BUILT_IN = ['@preact/signals', 'preact', 'uplot']

const { name, version, dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const words = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only']
const all = JSON.parse(
  execFileSync('npm', words, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 26 }),
)
const own = `${name}@${version}`
const needs = new Map(all.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]))
const packages = new Map(all.components.map(each => [each['bom-ref'], each]))
const roots = needs.get(own).filter(ref => {
  const { group, name: last } = packages.get(ref) ?? {}
  const full = group === undefined ? last : `${group}/${last}`
  return full in dependencies || BUILT_IN.includes(full)
})

const kept = new Set()
const pending = [...roots]
for (let ref = pending.pop(); ref !== undefined; ref = pending.pop()) {
  if (kept.has(ref) || !packages.has(ref)) continue
  kept.add(ref)
  pending.push(...(needs.get(ref) ?? []))
}
const found = {
  ...all,
  metadata: { ...all.metadata, component: { ...all.metadata.component, name } },
  components: all.components.filter(each => kept.has(each['bom-ref'])),
  dependencies: all.dependencies
    .filter(({ ref }) => kept.has(ref) || ref === own)
    .map(({ ref, dependsOn }) => ({
      ref,
      dependsOn: ref === own ? roots : dependsOn.filter(each => kept.has(each)),
    })),
}
process.stdout.write(`${JSON.stringify(found, null, 2)}\n`)
