package generate

import (
	"fmt"
	"strings"
)

var (
	roles    = [8]string{"web", "api", "db", "cache", "queue", "batch", "mail", "search"}
	programs = [8]string{"nginx", "orders", "billing", "stock", "auth", "mail", "search", "gateway"}
	logs     = [4]string{"access", "error", "app", "audit"}
	systems  = [4][3]string{
		{"ubuntu", "22.04.4 LTS (Jammy Jellyfish)", "Ubuntu"},
		{"debian", "12 (bookworm)", "Debian GNU/Linux"},
		{"rhel", "9.4 (Plow)", "Red Hat Enterprise Linux"},
		{"amzn", "2023", "Amazon Linux"},
	}
)

func path(n int) string {
	p := fmt.Sprintf("/var/log/%s/%s.log", programs[n%len(programs)], logs[n/len(programs)%len(logs)])
	if instance := n / len(programs) / len(logs); instance > 0 {
		p = strings.TrimSuffix(p, ".log") + fmt.Sprintf("-%d.log", instance)
	}
	return p
}

func newHost(n int, seed uint64) host {
	d := newDraw(^seed, uint64(n))
	name := fmt.Sprintf("%s-%d", roles[n%len(roles)], n/len(roles)+1)
	system := systems[d.below(len(systems))]
	mac := d.next()
	text := func(key, value string) []byte { return fmt.Appendf(nil, "%q:%q", key, value) }
	h := host{
		name: name,
		os: [][]byte{
			text("platform", system[0]), text("version", system[1]), text("name", system[2]), text("kernel", fmt.Sprintf("5.15.0-%d-generic", 70+d.below(60))),
		},
		host: [][]byte{
			text("name", name), text("architecture", "x86_64"), nil, text("id", fmt.Sprintf("%016x%016x", d.next(), d.next())), []byte(`"containerized":false`),
			fmt.Appendf(nil, `"ip":["10.%d.%d.%d","fe80::f816:3eff:fe%02x:%04x"]`, n>>16&0xff, n>>8&0xff, n&0xff, mac&0xff, mac>>8&0xffff),
			fmt.Appendf(nil, `"mac":["FA-16-3E-%02X-%02X-%02X"]`, mac&0xff, mac>>8&0xff, mac>>16&0xff),
		},
		agent: [][]byte{
			text("type", "filebeat"), text("version", "8.17.3"), text("name", name), text("id", uuid(&d)), text("ephemeral_id", uuid(&d)),
		},
	}
	h.bytes = objectBytes(`,"host":{`, h.host) + objectBytes(`"os":{`, h.os) + objectBytes(`,"agent":{`, h.agent)
	return h
}

func uuid(d *draw) string {
	a, b := d.next(), d.next()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}

// appendHost appends the object host, with all its members or only the name.
func (h *host) appendHost(dst []byte, full bool, turn *order) []byte {
	if !full {
		dst = append(dst, `,"host":{"name":"`...)
		dst = append(dst, h.name...)
		return append(dst, `"}`...)
	}
	dst = append(dst, `,"host":{`...)
	begin := turn.take(len(h.host))
	for m := range h.host {
		if m > 0 {
			dst = append(dst, ',')
		}
		if member := h.host[(begin+m)%len(h.host)]; member != nil {
			dst = append(dst, member...)
		} else {
			dst = appendObject(dst, `"os":{`, h.os, turn.take(len(h.os)))
		}
	}
	return append(dst, '}')
}
