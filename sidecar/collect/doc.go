// Package collect writes what a host is doing to Kafka: a Sampler reads the machine's counters each period, Run turns every sample into events, a
// Producer sends them, and a LogTee does the same for the log lines of this very process.
//
// # Events
//
// Every event is one JSON object with its keys in a fixed order. A value that could not be read, or a rate without an earlier sample or after its
// counter was reset, is left out: missing is not zero. All events have
//
//	timestamp   seconds since the Unix epoch, with milliseconds
//	kind        "host", "core", "network", "disk" or "process"
//	host.name   the host
//
// so that a rollup says which it means with `where: kind == "host"`. One sample makes one event of kind "host":
//
//	cpu_percent                             busy time of all cores, 0 to 100; waiting for I/O is not busy
//	cpu.cores                               the same for each core, an array
//	load1, load5, load15                    the run queue's averages; not on Windows
//	memory_percent                          what is not available to programs, of the total, 0 to 100
//	memory_used, memory_available, memory_total           bytes
//	swap_percent, swap_used, swap_total                   0 to 100, bytes
//	disk_percent, disk_used, disk_total                   the root file system (Windows: the system drive), 0 to 100, bytes
//	network.bytes_received_per_second, .bytes_sent_per_second, .packets_received_per_second, .packets_sent_per_second
//	                                        the sum over all interfaces but the loopback
//	io.bytes_read_per_second, io.bytes_written_per_second the sum over all whole disks
//	processes                               how many there are
//	uptime                                  seconds
//
// and one event for each of
//
//	core      core.name ("cpu0"), cpu_percent
//	network   interface.name, network.* as above; not for the loopback
//	disk      disk.mount, disk.device, disk_percent, disk_used, disk_total, io.* as above
//	process   process.name, process.pid, cpu_percent (of one core: above 100 with several threads), memory_percent, memory_rss (bytes);
//	          for the busiest processes only
package collect
