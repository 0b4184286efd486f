package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken from below those that systems give to outgoing connections: one that is free here does not become some
// connection's own before the server, or the server started again, listens on it.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePorts returns n different loopback ports that nobody listens on.
func freePorts(n int) (ports []int, err error) {
	// Open until all are found, so that none is found twice.
	var open []net.Listener
	defer func() {
		for _, listener := range open {
			_ = listener.Close()
		}
	}()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		open, ports = append(open, listener), append(ports, port)
		if len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports from %d to %d on the loopback interface", n, firstPort, lastPort)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
