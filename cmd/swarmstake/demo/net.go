package demo

import (
	"fmt"
	"net"
	"runtime"
)

// Every participant has a loopback address of its own, where the system has them: clients refuse a
// second connection from one address on one torrent.
const (
	probeHost        = 9
	daemonHost       = 11 // and 12
	transmissionHost = 21
	leecherHost      = 31 // and up
)

func address(host int) string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1" // elsewhere only this one exists without configuration
	}
	return fmt.Sprintf("127.0.0.%d", host)
}

// freePort asks the system for a port nobody listens on, below 32768 where possible, so that no
// outgoing connection takes it in between.
func freePort(host string) (int, error) {
	for port := 20000; port < 32000; port++ {
		if l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port)); err == nil {
			return port, l.Close()
		}
	}
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		return 0, fmt.Errorf("find a free port on %s: %w", host, err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
