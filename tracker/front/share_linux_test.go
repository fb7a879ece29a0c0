package front

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
)

// TestShare: connections of both listeners take the same places, and give them back.
func TestShare(t *testing.T) {
	f := start(t, Options{MaxPerAddr: 2})
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := f.Share(plain)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", plain.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	other := f.dial(t).send("GET /announce/k/ann") // one place
	eventually(t, "it has its place", func() bool { return f.slots.taken.Load() == 1 })
	dial()
	second := <-accepted
	if b, err := io.ReadAll(dial()); len(b) != 0 || err != nil {
		t.Errorf("the third connection got %q, %v: want its end", b, err)
	}
	other.Close()
	eventually(t, "a place is free", func() bool { return f.slots.taken.Load() == 1 })
	dial()
	third := <-accepted
	third.Close()
	third.Close() // gives nothing back twice
	second.Close()
	eventually(t, "all places are free", func() bool { return f.slots.taken.Load() == 0 })
	l.Close()
	if _, ok := <-accepted; ok {
		t.Error("accepted a connection that nobody made")
	}
}

// TestRefuse: what came unencrypted and must not is not answered, and its address and word about the
// protocol decide.
func TestRefuse(t *testing.T) {
	f := start(t, Options{Refuse: func(dst []byte, conn netip.Addr, proto string) ([]byte, bool) {
		if proto == "https" {
			return dst, false
		}
		return fmt.Appendf(dst, "refused %s %q", conn, proto), true
	}})
	for _, c := range []struct {
		header []string
		want   string
	}{
		{nil, `refused 127.0.0.1 ""`},
		{[]string{"X-Forwarded-Proto: https"}, "query=q"},
		{[]string{"x-forwarded-PROTO:http"}, `refused 127.0.0.1 "http"`},
		{[]string{"X-Forwarded-Proto: https", "X-Forwarded-Proto: http"}, `refused 127.0.0.1 "https,http"`},
	} {
		f.dial(t).send(get("q", c.header...)).wants(200, c.want).send(get("q", "X-Forwarded-Proto: https")).wants(200, "query=q")
	}
}
