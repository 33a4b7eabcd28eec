// What the partitions of a broker count.

// Wide on purpose: each field is a counter.
export class PartitionStatistics {
  framesSent = 0
  framesReceived = 0
  /** Damaged, of another version or of a partition that does not exist: nothing of them is applied. */
  framesUnreadable = 0
  /** From or for an earlier start of a partition. */
  framesStale = 0
  /** Items of a stream that had come already, or came before an earlier one: they are sent again. */
  itemsRepeated = 0
  itemsEarly = 0
  /** Messages that other partitions have taken over. */
  messagesSettled = 0
  messagesApplied = 0
  /** Stored messages that came again and were applied before. */
  messagesRepeated = 0
  /** Messages for transient sessions that ended with the start of their partition. */
  messagesOutlived = 0
  /** Of QoS 0: no partition to send them to, its line is full, or they were lost on the way. */
  qos0Dropped = 0
  qos0Lost = 0
  /** SUBACK was sent before all partitions had the filters. */
  filtersUntold = 0
  /** PUBACK or PUBREC was sent before the partition of the topic kept what was retained. */
  retainedUnkept = 0
  /** Messages that were retained above a limit of this partition: the others had not heard yet that there is no room. */
  retainedAboveLimit = 0
  /** Messages of share groups: handed out to members elsewhere, come for members here, and gone back to their groups. */
  handOutsSent = 0
  handOutsApplied = 0
  handOutsReturned = 0
  /** Queries for retained messages of other partitions: that waited for others to end, and that began again because too much changed. */
  queriesQueued = 0
  queriesRepeated = 0
}
