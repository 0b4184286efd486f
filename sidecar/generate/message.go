package generate

import "strconv"

// words are what messages are filled with. Their number is a power of two.
var words = [64]string{
	"accepted", "account", "after", "batch", "because", "billing", "broken", "cache", "cannot", "checkout", "client", "closed", "commit", "connection", "consumer",
	"deadline", "delivery", "disk", "during", "empty", "exceeded", "expired", "failed", "file", "finished", "for", "from", "gateway", "handler", "in", "index",
	"invoice", "job", "latency", "lease", "limit", "lock", "message", "missing", "node", "offset", "opened", "order", "partition", "payment", "pending", "pool",
	"queue", "refused", "region", "replica", "request", "reset", "retry", "segment", "session", "shard", "slow", "stock", "timeout", "token", "upstream", "waiting",
	"worker",
}

// level is a log level, with the escape sequences of a terminal around it as JSON writes them.
type level struct{ name, coloured string }

var (
	info    = level{"info", `\u001b[32mINFO\u001b[0m `}
	warn    = level{"warn", `\u001b[33mWARN\u001b[0m `}
	failure = level{"error", `\u001b[1;31mERROR\u001b[0m `}
	debug   = level{"debug", `\u001b[2mDEBUG\u001b[0m `}
	// levels has each as often as it is to occur. Their number is a power of two.
	levels = [16]level{failure, info, info, info, info, info, info, info, info, info, info, info, info, warn, warn, debug}
)

var (
	methods  = [4]string{"GET", "GET", "GET", "POST"}
	statuses = [8]string{"200", "200", "200", "200", "201", "304", "404", "500"}
	routes   = [8]string{"/api/v2/orders/", "/api/v2/invoices/", "/api/v1/customers/", "/static/img/", "/healthz?probe=", "/search?q=", "/login?next=", "/api/v2/stock/"}
	agents   = [4]string{"curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0", "okhttp/4.12.0", "python-requests/2.32"}
	classes  = [8]string{
		"com.example.orders.Checkout", "com.example.billing.InvoiceJob", "com.example.stock.Reservation", "com.example.auth.TokenFilter",
		"com.example.mail.Delivery", "com.example.search.Indexer", "com.example.gateway.Router", "com.example.report.Export",
	}
)

// appendMessage appends a log line as the content of a JSON string, of exactly n bytes. Escapes are left out where there is no room for them.
func appendMessage(dst []byte, n int, l *line, d *draw) []byte {
	end := len(dst) + n
	if l.coloured && n >= len(l.level.coloured) {
		dst = append(dst, l.level.coloured...)
	}
	begin := len(dst)
	switch d.next() % 4 {
	case 0:
		dst = appendAccess(dst, d)
	case 1:
		dst = appendPairs(dst, d)
	default:
		dst = appendLine(dst, d)
	}
	if len(dst) > end {
		dst = dst[:begin]
	}
	return appendWords(dst, end, d)
}

// appendAccess appends a line of a web server.
func appendAccess(dst []byte, d *draw) []byte {
	r := d.next()
	dst = append(dst, "10."...)
	dst = strconv.AppendUint(dst, r&0xff, 10)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, r>>8&0xff, 10)
	dst = append(dst, ".7 - - \\\""...)
	dst = append(dst, methods[r>>16&3]...)
	dst = append(dst, ' ')
	dst = append(dst, routes[r>>18&7]...)
	dst = strconv.AppendUint(dst, r>>21&0xfffff, 10)
	dst = append(dst, ` HTTP/1.1\" `...)
	dst = append(dst, statuses[r>>41&7]...)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, r>>44&0xffff, 10)
	dst = append(dst, ` \"-\" \"`...)
	dst = append(dst, agents[r>>60&3]...)
	return append(dst, `\" `...)
}

// appendPairs appends what loggers for machines write.
func appendPairs(dst []byte, d *draw) []byte {
	r := d.next()
	dst = append(dst, "caller="...)
	dst = append(dst, words[r&63]...)
	dst = append(dst, ".go:"...)
	dst = strconv.AppendUint(dst, r>>6&0x1ff, 10)
	dst = append(dst, " trace_id="...)
	dst = strconv.AppendUint(dst, r>>15, 16)
	dst = append(dst, ` duration=`...)
	dst = strconv.AppendUint(dst, r>>20&0x3fff, 10)
	return append(dst, `ms msg=`...)
}

// appendLine appends what loggers for people write.
func appendLine(dst []byte, d *draw) []byte {
	r := d.next()
	dst = append(dst, "[worker-"...)
	dst = strconv.AppendUint(dst, r&31, 10)
	dst = append(dst, "] "...)
	dst = append(dst, classes[r>>5&7]...)
	dst = append(dst, " - request "...)
	dst = strconv.AppendUint(dst, r>>8&0xffffffff, 16)
	dst = append(dst, " took "...)
	dst = strconv.AppendUint(dst, r>>40&0xfff, 10)
	return append(dst, " ms: "...)
}

// appendWords fills dst up to the length end; the last word may be cut.
func appendWords(dst []byte, end int, d *draw) []byte {
	var r uint64
	for have := 0; len(dst) < end; have-- {
		if have == 0 {
			r, have = d.next(), 10
		}
		word := words[r&63]
		r >>= 6
		dst = append(dst, word[:min(len(word), end-len(dst))]...)
		if len(dst) < end {
			dst = append(dst, ' ')
		}
	}
	return dst
}
