// The CPUs that a control group allows, by the content of its file `cpu.max`: a quota and a period, or `max` for no bound.

export function cpusIn(content: string): number {
  const [quota, period] = content.split(' ').map(Number)
  const cpus = (quota ?? Number.NaN) / (period ?? Number.NaN)
  return cpus > 0 ? cpus : Infinity
}
