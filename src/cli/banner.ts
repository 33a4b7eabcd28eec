// The lines on a terminal when the broker is ready.

export function banner(
  version: string,
  milliseconds: number,
  listeners: readonly { readonly name: string; readonly port: number }[],
): string {
  const mqtt = listeners.find(({ name }) => name.startsWith('mqtt'))
  const web = listeners.find(({ name }) => name.startsWith('ws'))
  const port = mqtt === undefined || mqtt.port === 1_883 ? '' : ` -p ${mqtt.port}`
  const page = web?.name.replace(/^ws/, 'http')
  const lines = [
    '',
    `  Pondhawk ${version}   ready in ${milliseconds} ms   MQTT 3.1 · 3.1.1 · 5.0`,
    '',
    ...listeners.map(({ name }) => `  ➜ ${name}${name.startsWith('ws') ? '/mqtt' : ''}`),
    ...(page === undefined ? [] : [`  ➜ ${page}/   web page`]),
    '',
    '  Try it, in two other terminals:',
    `    mosquitto_sub${port} -t 'hello/#' -v`,
    `    mosquitto_pub${port} -t hello/world -m hi`,
    '',
    '',
  ]
  return lines.join('\n')
}
