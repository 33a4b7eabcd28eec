// The lines on a terminal when the broker is ready.

export function banner(
  version: string,
  milliseconds: number,
  listeners: readonly { readonly name: string; readonly port: number }[],
  /** The link that signs in to the dashboard once; null without one. */
  link: string | null,
): string {
  const mqtt = listeners.find(({ name }) => name.startsWith('mqtt'))
  const port = mqtt === undefined || mqtt.port === 1_883 ? '' : ` -p ${mqtt.port}`
  const lines = [
    '',
    `  Pondhawk ${version}   ready in ${milliseconds} ms   MQTT 3.1 · 3.1.1 · 5.0`,
    '',
    ...listeners.map(({ name }) => `  ➜ ${name}${name.startsWith('ws') ? '/mqtt' : ''}`),
    ...(link === null ? [] : [`  ➜ ${link}   (signs you in once)`]),
    '',
    '  Try it, in two other terminals:',
    `    mosquitto_sub${port} -t 'hello/#' -v`,
    `    mosquitto_pub${port} -t hello/world -m hi`,
    '',
    '',
  ]
  return lines.join('\n')
}
