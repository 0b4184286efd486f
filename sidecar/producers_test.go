package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestRsyslogEventsAreCounted sends lines through a real rsyslogd with omkafka.
func TestRsyslogEventsAreCounted(t *testing.T) {
	rsyslogd := installed(t, "rsyslogd", "/usr/lib/*/rsyslog/omkafka.so", "rsyslog with rsyslog-kafka")
	onEveryBackend(t, func(t *testing.T, b *bench) {
		run := b.start(b.configure("{field: t, format: unix_ms}", `{field: "@timestamp", format: rfc3339}`, "{host: host, path: path}", "{host: host.name, path: process.name}", "measures: {n: n}", ""))
		socket := startRsyslog(t, rsyslogd, b)
		const lines = 300
		for i := range lines {
			if _, err := fmt.Fprintf(socket, "<13>prog%d[7]: line %d of path/to/\"this\"\n", i%2, i); err != nil {
				t.Fatal(err)
			}
		}
		var got map[string]int64
		run.eventually(func() bool {
			got = b.documents("host,path")
			return total(got) == lines
		}, func() string { return fmt.Sprintf("%d lines were sent, documents hold %v", lines, got) })
		byProgram := map[string]int64{}
		for key, n := range got {
			byProgram[key[strings.LastIndex(key, " ")+1:]] += n
		}
		if byProgram["prog0"] != lines/2 || byProgram["prog1"] != lines/2 {
			t.Errorf("lines by program: %v", byProgram)
		}
		run.end()
	})
}

// installed finds a daemon and its module, or skips the test.
func installed(t *testing.T, name, module, what string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
		_, err = os.Stat(path)
	}
	modules, globErr := filepath.Glob(module)
	if err != nil || globErr != nil || len(modules) == 0 {
		t.Skipf("needs %s, which is not installed", what)
	}
	return path
}

// startRsyslog runs rsyslogd until the test ends, and gives the socket that it reads.
func startRsyslog(t *testing.T, rsyslogd string, b *bench) net.Conn {
	t.Helper()
	folder, err := os.MkdirTemp("", "rsyslog") //nolint:usetesting // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket, configuration := filepath.Join(folder, "log"), filepath.Join(folder, "rsyslog.conf")
	text := fmt.Sprintf(`
global(workDirectory=%[1]q)
module(load="imuxsock" SysSock.Use="off")
module(load="omkafka")
input(type="imuxsock" Socket=%[2]q RateLimit.Interval="0")
template(name="event" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timegenerated" dateFormat="rfc3339" date.inUTC="on" format="jsonf")
  property(outname="host.name" name="hostname" format="jsonf")
  property(outname="process.name" name="programname" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
action(type="omkafka" broker=[%[3]q] topic=%[4]q template="event" confParam=["queue.buffering.max.ms=50"])
`, folder, socket, b.kafka, b.topic)
	if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	runDaemon(t, rsyslogd, "-n", "-i", filepath.Join(folder, "pid"), "-f", configuration)
	var connection net.Conn
	for limit := time.Now().Add(deadline); ; {
		var d net.Dialer
		if connection, err = d.DialContext(t.Context(), "unixgram", socket); err == nil {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("rsyslogd does not listen: %v", err)
		}
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// runDaemon runs a program in the foreground until the test ends.
func runDaemon(t *testing.T, path string, args ...string) *exec.Cmd {
	t.Helper()
	var output syncBuffer
	daemon := exec.CommandContext(t.Context(), path, args...)
	daemon.Stdout, daemon.Stderr = &output, &output
	daemon.Cancel = func() error { return daemon.Process.Signal(syscall.SIGTERM) }
	daemon.WaitDelay = 10 * time.Second
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		_ = daemon.Wait()
		if t.Failed() {
			t.Logf("%s: %s", path, output.String())
		}
	})
	return daemon
}

// TestCollectdEventsAreCounted reads this machine's load and memory from a real collectd with write_kafka.
func TestCollectdEventsAreCounted(t *testing.T) {
	collectd := installed(t, "collectd", "/usr/lib/collectd/write_kafka.so", "collectd with write_kafka")
	onEveryBackend(t, func(t *testing.T, b *bench) {
		run := b.start(b.configure("{field: t, format: unix_ms}", "{field: time, format: unix}", "{host: host, path: path}", "{host: host, path: plugin}", "{n: n}", "{n: values}"))
		folder := t.TempDir()
		configuration := filepath.Join(folder, "collectd.conf")
		text := fmt.Sprintf(`
Hostname "node-1"
BaseDir %[1]q
Interval 0.5
LoadPlugin load
LoadPlugin memory
LoadPlugin write_kafka
<Plugin write_kafka>
  Property "bootstrap.servers" %[2]q
  <Topic %[3]q>
    Format JSON
  </Topic>
</Plugin>
`, folder, b.kafka, b.topic)
		if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		daemon := runDaemon(t, collectd, "-f", "-C", configuration, "-P", filepath.Join(folder, "pid"))
		var written int64
		run.eventually(func() bool {
			written = b.written()
			return written >= 30
		}, func() string { return fmt.Sprintf("collectd wrote %d records", written) })
		if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		_ = daemon.Wait()
		var got map[string]int64
		run.eventually(func() bool {
			got = b.documents("host,path")
			return total(got) == b.written()
		}, func() string { return fmt.Sprintf("collectd wrote %d records, documents hold %v", b.written(), got) })
		for key := range got {
			if !strings.HasSuffix(key, " node-1 load") && !strings.HasSuffix(key, " node-1 memory") {
				t.Errorf("unexpected key %q", key)
			}
		}
		run.end()
	})
}

// written is how many records the topic holds.
func (b *bench) written() int64 {
	b.t.Helper()
	ends, err := kadm.NewClient(b.client).ListEndOffsets(b.t.Context(), b.topic)
	if err != nil {
		b.t.Fatal(err)
	}
	var n int64
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}
