package server

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"
)

// TestTLSSlowHandshakes: hundreds of connections that never finish a handshake or a request keep nobody from
// being answered over https, are ended, and leave nothing behind, round after round.
func TestTLSSlowHandshakes(t *testing.T) {
	const each = 150
	ca := newTestCA(t)
	r := fileServer(t, ca, nil)
	r.run()
	defer func() { r.stop() }()
	at := r.secure.Addr().String()
	c := ca.client(t, at, func(tr *http.Transport) { tr.DisableKeepAlives = true })
	overHTTP(t, c, "GET", r.URL()+"/healthz", nil)
	dial := func(say string) net.Conn {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		io.WriteString(conn, say) //nolint:errcheck // it may be closed on us
		return conn
	}
	before := runtime.NumGoroutine()
	for range 2 {
		var slow []net.Conn
		for range each {
			slow = append(slow, dial(""), dial("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03half a hello"))
			conn := tls.Client(dial(""), &tls.Config{ServerName: acmeTestHost, RootCAs: ca.pool, NextProtos: []string{"http/1.1"}})
			if err := conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, "GET /wallet HTTP/1.1\r\nHost: x\r\nX-Slow: ") //nolint:errcheck // likewise
			slow = append(slow, conn)
		}
		for range 10 {
			if res, _ := overHTTP(t, c, "GET", r.URL()+"/healthz", nil); res.StatusCode != 200 {
				t.Errorf("beside %d slow connections: %s", len(slow), res.Status)
			}
		}
		for _, conn := range slow {
			conn.SetReadDeadline(time.Now().Add(60 * time.Second))
			if _, err := io.Copy(io.Discard, conn); err != nil {
				if e, ok := err.(net.Error); ok && e.Timeout() {
					t.Fatal("a slow connection is still open")
				}
			}
			conn.Close()
		}
		r.eventually("their goroutines end", func() bool { return runtime.NumGoroutine() <= before+20 })
	}
}
