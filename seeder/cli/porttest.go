package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/seeder/engine"
)

// testPorts has the server connect to the port for peers over each family. While it does, something
// listens there: the daemon, or else a listener of our own.
func testPorts(ctx context.Context, client *seeder.Client, listen netip.AddrPort, daemonRuns bool) []dashboard.Check {
	port := listen.Port()
	if !daemonRuns {
		l, err := engine.Listen(listen.String())
		if err != nil {
			return []dashboard.Check{{Name: "port", Level: dashboard.Bad, Text: fmt.Sprintf("%s cannot be listened on: %v", listen, err),
				Do: "Stop the program that uses this port, or choose another: swarmseed config listen IP:PORT"}}
		}
		defer l.Close()
		go accept(l)
		port = uint16(l.Addr().(*net.TCPAddr).Port)
	}
	return seeder.CheckPorts(ctx, client, netip.AddrPortFrom(listen.Addr(), port))
}

// accept takes connections and ends them: that they come is all there is to see.
func accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}
