// All options of mosquitto.conf (2.0 and 2.1) as one table: how each is read, and what becomes of it. The reference page is made from it.

/** How a value is read: one word (`bool`, `int`, `word`), all words of the line, or the rest of the line as it is. */
type ValueType = 'bool' | 'int' | 'word' | 'words' | 'text'

/** Where an option counts: everywhere, for users (one listener with per_listener_settings), for a listener, for a bridge. */
type Scope = 'global' | 'secure' | 'listener' | 'bridge'

/**
 * `becomes`: keys of our configuration. `instead`: it has no meaning here, and the text is what is done instead. `refuses`: to ignore
 * it would be less safe, or lose messages.
 */
export type Outcome = 'becomes' | 'instead' | 'refuses'

export interface ConfOption {
  readonly name: string
  readonly type: ValueType
  readonly min: number
  readonly max: number
  readonly scope: Scope
  /** Whether a second line adds to the first, replaces it, or is an error. */
  readonly repeats: 'adds' | 'last' | 'once'
  readonly outcome: Outcome
  /** Keys, or a sentence. */
  readonly text: string
}

const ROWS = `
acl_file                  text  secure   last becomes access.rulesFile
allow_anonymous           bool  secure   last becomes access.anonymous
allow_duplicate_messages  bool  global   last instead a client gets a message once for overlapping subscriptions, with the highest QoS of them
allow_zero_length_clientid bool secure   last instead a client without a client id gets one from the broker
auth_plugin_deny_special_chars bool secure last instead it belongs to plugins
auto_id_prefix            text  secure   once instead client ids that the broker makes begin with auto-
autosave_interval         int   global   last instead each message is stored before it is acknowledged
autosave_on_changes       bool  global   last instead each message is stored before it is acknowledged
bind_address              text  listener once becomes listeners.host
bind_interface            text  listener once becomes listeners.host, the first address of the device
cafile                    text  listener last becomes listeners.tls.caFile
capath                    text  listener last refuses authorities are read from one file: write them into it (cat DIR/*.pem > ca.crt) and name it in cafile
certfile                  text  listener last becomes listeners.tls.certFile
check_retain_source       bool  global   last becomes access.checkRetainSource
ciphers                   text  listener last becomes listeners.tls.ciphers
ciphers_tls1.3            text  listener last becomes listeners.tls.ciphers
clientid_prefixes         text  global   last becomes access.clientIdPattern
connection_messages       bool  global   last instead connections are logged at the level info: log.level
crlfile                   text  listener last becomes listeners.tls.crlFile
dhparamfile               text  listener last instead TLS 1.2 and 1.3 need no parameters from a file
disable_client_cert_date_checks bool listener last instead certificates of clients that are not valid yet, or not any more, are refused
enable_control_api        bool  global   last instead administrators use pondhawk, its REST API and its dashboard
enable_proxy_protocol     int:0:2 listener last becomes listeners.proxyProtocol
global_max_clients        int:-1 global  last becomes limits.sessionsMax
global_max_connections    int:-1 global  last becomes limits.connectionsMax
global_plugin             text  global   adds refuses plugins of mosquitto cannot be loaded: users may come from access.http or access.jwt of a configuration of Pondhawk
accept_protocol_versions  text  listener last instead MQTT 3.1, 3.1.1 and 5.0 are served
http_dir                  text  listener once refuses files are not served: leave them to a web server
include_dir               text  global   adds becomes the settings of its files
keyfile                   text  listener last becomes listeners.tls.keyFile
listener                  words listener adds becomes listeners
listener_allow_anonymous  bool  listener last becomes access.anonymous
listener_auto_id_prefix   text  listener once instead client ids that the broker makes begin with auto-
log_dest                  words global   adds instead the log is printed on the standard output, which systemd and Docker keep; none means log.level: silent
log_facility              int   global   last instead the log is printed on the standard output
log_timestamp             bool  global   last instead each line has its time
log_timestamp_format      text  global   once instead times are written as in ISO 8601
log_type                  word  global   adds becomes log.level
max_connections           int:-1 listener last becomes listeners.connectionsMax
max_inflight_bytes        int:0 global   last becomes limits.inFlightBytesMax
max_inflight_messages     int:0:65535 global last becomes limits.inFlightMax, limits.receiveMax
max_keepalive             int:0:65535 global last becomes limits.keepAliveSecondsMax
max_packet_size           int:20 global  last becomes limits.packetBytesMax
max_qos                   int:0:2 listener last becomes listeners.qosMax
max_queued_bytes          int:0 global   last becomes limits.queuedBytesMax
max_queued_messages       int:0 global   last becomes limits.queuedMessagesMax
max_topic_alias           int:0:65535 listener last becomes limits.topicAliasMax
max_topic_alias_broker    int:0:65535 listener last becomes limits.outgoingTopicAliasMax
memory_limit              int:0 global   last instead memory is bounded by limits.keptHeapBytesMax and limits.keptBufferBytesMax, and overload slows publishers
message_size_limit        int:0 global   last becomes limits.packetBytesMax, with 65,544 bytes for the header and the topic
mount_point               text  listener last becomes listeners.mountPoint
password_file             text  secure   last becomes access.usersFile
per_listener_settings     bool  global   last becomes access, and listeners.access where the files of listeners differ
persistence               bool  global   last becomes store.durability
persistence_file          text  global   once becomes the database that the first start imports
persistence_location      text  global   once becomes store.directory, the folder pondhawk-data in it
persistent_client_expiration word global last becomes limits.sessionExpirySecondsMax
pid_file                  text  global   once instead no file has the process id; systemd and Docker know it
plugin                    text  secure   adds refuses plugins of mosquitto cannot be loaded: users may come from access.http or access.jwt of a configuration of Pondhawk. Only the dynamic security of mosquitto becomes access.dynamicSecurityFile, and works with mosquitto_ctrl
plugin_load               text  global   adds refuses plugins of mosquitto cannot be loaded: users may come from access.http or access.jwt of a configuration of Pondhawk
plugin_opt_*              text  secure   adds becomes access.dynamicSecurityFile, for config_file of the dynamic security
plugin_use                text  listener adds refuses plugins of mosquitto cannot be loaded: users may come from access.http or access.jwt of a configuration of Pondhawk
port                      int:0:65535 listener last becomes listeners.port
protocol                  word  listener last becomes listeners.protocol
proxy_protocol_v2_require_tls bool listener last refuses whether the proxy was reached by TLS is not known here: let only TLS reach the proxy, and leave the line out
psk_file                  text  secure   last becomes listeners.tls.pskFile
psk_hint                  text  listener once becomes listeners.tls.pskHint
queue_qos0_messages       bool  global   last becomes limits.queueQoS0WhileAway
require_certificate       bool  listener last becomes listeners.tls.requireCertificate
retain_available          bool  global   last becomes limits.retainedMessagesMax, 0 for false
retain_expiry_interval    int   global   last instead a retained message expires only by its Message Expiry Interval
retry_interval            int   global   last instead messages are sent again when a client connects again, as MQTT says
set_tcp_nodelay           bool  global   last instead sockets have TCP_NODELAY always
socket_domain             word  listener last becomes listeners.host
sys_interval              int:0:65535 global last instead $SYS is published every 10 seconds
tls_engine                text  listener once refuses keys are read from files: TLS engines are not used
tls_engine_kpass_sha1     text  listener last refuses keys are read from files: TLS engines are not used
tls_keyform               text  listener last becomes nothing if it is pem; keys are read from PEM files
tls_version               text  listener once becomes listeners.tls.minVersion
upgrade_outgoing_qos      bool  global   last instead a message is delivered with the smaller QoS of publisher and subscription, as MQTT says
use_identity_as_username  bool  listener last becomes access.certificates.user: commonName
use_subject_as_username   bool  listener last refuses the whole subject of a certificate is no user name here: use_identity_as_username takes its common name
use_username_as_clientid  bool  listener last becomes listeners.usernameIsClientId
user                      text  global   last becomes the user of the process, if root starts it; without the line mosquitto
websockets_headers_size   int   global   last instead headers of HTTP have the bound of Node, 16 KiB
websockets_log_level      int   global   last instead WebSockets are logged as all else: log.level
websockets_origin         text  listener adds becomes listeners.origins
address                   words bridge   once becomes bridges.NAME.addresses
bridge_alpn               text  bridge   once becomes bridges.NAME.tls.alpn
bridge_attempt_unsubscribe bool bridge   last instead filters that are not wanted any more are always unsubscribed
bridge_bind_address       text  bridge   once refuses the address that a bridge connects from cannot be chosen
bridge_cafile             text  bridge   once becomes bridges.NAME.tls.caFile
bridge_capath             text  bridge   once instead the authorities of Node count: name a file by bridge_cafile for others
bridge_certfile           text  bridge   once becomes bridges.NAME.tls.certFile
bridge_ciphers            text  bridge   once instead the ciphers of Node are used
bridge_ciphers_tls1.3     text  bridge   once instead the ciphers of Node are used
bridge_identity           text  bridge   once refuses bridges have no pre-shared keys
bridge_insecure           bool  bridge   last refuses the name in a certificate is always compared: name it by tls.serverName in our own format
bridge_keyfile            text  bridge   last becomes bridges.NAME.tls.keyFile
bridge_max_packet_size    int:0 bridge   last instead the limit of the other broker is asked for
bridge_max_topic_alias    int:0:65535 bridge last instead a bridge uses no topic aliases
bridge_outgoing_retain    bool  bridge   last becomes bridges.NAME.retain
bridge_protocol_version   word  bridge   last becomes bridges.NAME.protocol
bridge_psk                text  bridge   once refuses bridges have no pre-shared keys
bridge_receive_maximum    int:1:65535 bridge last instead limits.receiveMax counts
bridge_reload_type        word  bridge   last instead a bridge is changed by a restart
bridge_require_ocsp       bool  bridge   last refuses answers of OCSP are not asked for
bridge_session_expiry_interval int bridge last instead the session does not expire
bridge_tcp_keepalive      words bridge   last instead PINGREQ finds a dead connection
bridge_tcp_user_timeout   int   bridge   last instead PINGREQ finds a dead connection
bridge_tls_use_os_certs   bool  bridge   last instead the authorities of Node count
bridge_tls_version        text  bridge   once instead TLS 1.2 and newer
cleansession              bool  bridge   last becomes bridges.NAME.cleanStart
connection                word  bridge   adds becomes bridges.NAME
idle_timeout              int   bridge   last instead a bridge is always connected
keepalive_interval        int:5 bridge   last becomes bridges.NAME.keepAliveSeconds
local_cleansession        bool  bridge   last instead the session here is kept as that at the other broker is
local_clientid            text  bridge   once instead the session here is called bridge:NAME
local_password            text  bridge   once instead a bridge needs no password here
local_username            text  bridge   once refuses a bridge has all rights here
notification_topic        text  bridge   once becomes bridges.NAME.notificationTopic
notifications             bool  bridge   last becomes bridges.NAME.notifications
notifications_local_only  bool  bridge   last becomes bridges.NAME.notifications
remote_clientid           text  bridge   once becomes bridges.NAME.clientId
remote_password           text  bridge   once becomes bridges.NAME.password
remote_username           text  bridge   once becomes bridges.NAME.username
restart_timeout           words bridge   last becomes bridges.NAME.restartSecondsMin, bridges.NAME.restartSecondsMax
round_robin               bool  bridge   last instead the addresses are tried in turn
start_type                word  bridge   last instead a bridge is always connected
threshold                 int   bridge   last instead a bridge is always connected
topic                     words bridge   adds becomes bridges.NAME.topics
try_private               bool  bridge   last becomes bridges.NAME.bridgeBit
`

export const CONF_OPTIONS: readonly ConfOption[] = ROWS.trim().split('\n').map(optionOf)

function optionOf(row: string): ConfOption {
  const [name = '', typed = '', scope = '', repeats = '', outcome = '', ...words] = row.split(/ +/)
  const [type = '', min = '-Infinity', max = 'Infinity'] = typed.split(':')
  const text = words.join(' ')
  // The rows above are what the type says, which a test checks.
  return {
    name,
    type,
    min: Number(min),
    max: Number(max),
    scope,
    repeats,
    outcome,
    text,
  } as ConfOption
}

const ALIASES: Readonly<Record<string, string>> = {
  addresses: 'address',
  auth_plugin: 'plugin',
  clientid: 'remote_clientid',
  maximum_qos: 'max_qos',
  packet_buffer_size: 'websockets_headers_size',
  password: 'remote_password',
  retained_persistence: 'persistence',
  username: 'remote_username',
}

const BY_NAME = new Map(CONF_OPTIONS.map(option => [option.name, option]))

/** Returns undefined for a word that is no option. The names of options of plugins end in anything. */
export function confOption(key: string): ConfOption | undefined {
  if (/^(?:plugin|auth)_opt_./.test(key)) return BY_NAME.get('plugin_opt_*')
  return BY_NAME.get(ALIASES[key] ?? key)
}
