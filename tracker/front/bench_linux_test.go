package front

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkServers has one client at a time ask for a body of 400 bytes, as 50 peers are. The
// client shares the process, so cpu-us/op is of both ends; the difference between servers is not.
func BenchmarkServers(b *testing.B) {
	body := make([]byte, 400)
	servers := []struct {
		name  string
		start func(b *testing.B) netip.AddrPort
	}{
		{"front", func(b *testing.B) netip.AddrPort {
			f, err := Listen("127.0.0.1:0", Options{Loops: 1, Exempt: everyone,
				Answer: func(dst []byte, _, _, _ string, _ netip.Addr) []byte { return append(dst, body...) }})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- f.Run(ctx) }()
			b.Cleanup(func() { cancel(); <-done })
			return netip.MustParseAddrPort(f.Addr().String())
		}},
		{"net-http", func(b *testing.B) netip.AddrPort {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/plain; charset=utf-8")
				w.Header().Set("Cache-Control", "no-store")
				w.Header().Set("Content-Length", fmt.Sprint(len(body)))
				w.Write(body)
			})}
			go s.Serve(l)
			b.Cleanup(func() { s.Close() })
			return netip.MustParseAddrPort(l.Addr().String())
		}},
	}
	for _, s := range servers {
		b.Run("keep-alive/"+s.name, func(b *testing.B) {
			c, err := net.Dial("tcp", s.start(b).String())
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			head, buf := []byte(plainHead), make([]byte, 4096)
			measured(b, func() {
				if _, err := c.Write(head); err != nil {
					b.Fatal(err)
				}
				if n, err := c.Read(buf); err != nil || n < len(body) {
					b.Fatal(n, err)
				}
			})
		})
		b.Run("connection/"+s.name, func(b *testing.B) {
			at := s.start(b)
			sa := &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
			head, buf := []byte(get("a", "Connection: close")), make([]byte, 4096)
			measured(b, func() { rawAnnounce(b, sa, head, buf) })
		})
	}
}

// measured runs an operation and reports the processor time of the process.
func measured(b *testing.B, op func()) {
	b.ReportAllocs()
	op()
	before := processCPU(b)
	b.ResetTimer()
	for b.Loop() {
		op()
	}
	b.ReportMetric(float64(processCPU(b)-before)/float64(time.Microsecond)/float64(b.N), "cpu-us/op")
}

func processCPU(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
