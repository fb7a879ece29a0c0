// Package utp stands in for github.com/anacrolix/go-utp, which is not available as a module.
//
// It offers the names that anacrolix/torrent compiles against and refuses every socket, so the
// engine must run with DisableUTP (seeder/engine sets it). It promises nothing else.
package utp

import (
	"context"
	"errors"
	"log/slog"
	"net"
)

// Default names the implementation in anacrolix/torrent's error messages.
const Default = "none"

var errUnsupported = errors.New("uTP is not supported by this build")

type (
	// FirewallCallback reports whether an incoming connection from addr is refused.
	FirewallCallback func(addr net.Addr) bool

	// Option configures a socket; all are ignored, as no socket is ever made.
	Option func()

	// Socket is what a uTP socket would offer.
	Socket interface {
		net.PacketConn
		Accept() (net.Conn, error)
		Addr() net.Addr
		DialContext(ctx context.Context, network, addr string) (net.Conn, error)
		SetFirewallCallback(FirewallCallback)
	}
)

// WithLogger is accepted and ignored.
func WithLogger(*slog.Logger) Option { return func() {} }

// NewSocket always returns an error.
func NewSocket(network, addr string, opts ...Option) (Socket, error) { return nil, errUnsupported }

// NewSocketFromPacketConn always returns an error; pc stays the caller's to close.
func NewSocketFromPacketConn(pc net.PacketConn, opts ...Option) (Socket, error) {
	return nil, errUnsupported
}
