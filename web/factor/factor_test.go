package factor

import (
	"bytes"
	"encoding/base32"
	"fmt"
	"image"
	"image/color"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/boombuler/barcode/qr"
)

// The vectors of RFC 6238, appendix B, for SHA-1, of which six digits are the last of eight.
func TestStepVectors(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, code := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"} {
		step, ok := Step(secret, code[2:], time.Unix(at, 0), 0)
		if !ok || step != at/30 {
			t.Errorf("at %d: step %d, %v", at, step, ok)
		}
	}
}

func TestStepBounds(t *testing.T) {
	secret := []byte("12345678901234567890")
	now := time.Unix(59, 0) // step 1, 287082
	for _, c := range []struct {
		name, code string
		secret     []byte
		now        time.Time
		last       int64
		want       bool
	}{
		{"now", "287082", secret, now, 0, true},
		{"with blanks", " 287 082 ", secret, now, 0, true},
		{"one step late", "287082", secret, now.Add(30 * time.Second), 0, true},
		{"one step early", "287082", secret, time.Unix(29, 0), 0, true},
		{"two steps late", "287082", secret, now.Add(60 * time.Second), 0, false},
		{"used", "287082", secret, now, 1, false},
		{"older than the last", "287082", secret, now, 2, false},
		{"wrong", "287083", secret, now, 0, false},
		{"eight digits", "94287082", secret, now, 0, false},
		{"empty", "", secret, now, 0, false},
		{"other digits", "２87082", secret, now, 0, false},
		{"no secret", "287082", nil, now, 0, false},
		{"a sign", "+87082", secret, now, 0, false},
	} {
		if _, ok := Step(c.secret, c.code, c.now, c.last); ok != c.want {
			t.Errorf("%s: %v", c.name, ok)
		}
	}
}

// Two neighbouring steps may have the same digits: once the code of the earlier is used, that of the
// later is still fresh, and a code uses up both.
func TestStepOfEqualDigits(t *testing.T) {
	secret := []byte("12345678901234567890")
	const earlier, later, code = 910737, 910738, "911617" // found by trying
	for _, now := range []int64{earlier, later} {
		for _, c := range []struct {
			last int64
			want bool
		}{{0, true}, {earlier, true}, {later, false}} {
			step, ok := Step(secret, code, time.Unix(now*30, 0), c.last)
			if ok != c.want || ok && step != later {
				t.Errorf("at %d after %d: step %d, %v", now, c.last, step, ok)
			}
		}
	}
}

func TestAuthenticatorAndQR(t *testing.T) {
	secret := []byte("12345678901234567890")
	a, err := NewAuthenticator("My: tracker", "alice", secret)
	if err != nil {
		t.Fatal(err)
	}
	typed, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(a.Text, " ", ""))
	if err != nil || !bytes.Equal(typed, secret) {
		t.Errorf("text %q: %v", a.Text, err)
	}
	if !strings.HasPrefix(a.URL, "otpauth://totp/My%20%20tracker:alice?") || !strings.Contains(a.URL, "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") {
		t.Errorf("URL %s", a.URL)
	}
	code, err := qr.Encode(a.URL, qr.L, qr.Auto)
	if err != nil {
		t.Fatal(err)
	}
	q, err := NewQR(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	// The path, drawn, is the code with its quiet zone.
	dark := map[[2]int]bool{}
	for _, run := range strings.Split(strings.TrimSuffix(q.Path, "z"), "z") {
		var x, y, n, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &n, &back); err != nil || n != back {
			t.Fatalf("%q: %v", run, err)
		}
		for i := range n {
			dark[[2]int{x + i, y}] = true
		}
	}
	if q.Size != code.Bounds().Dx()+2*quietZone {
		t.Errorf("size %d", q.Size)
	}
	for x := range q.Size {
		for y := range q.Size {
			want := image.Pt(x-quietZone, y-quietZone).In(code.Bounds()) && code.At(x-quietZone, y-quietZone) == color.Black
			if dark[[2]int{x, y}] != want {
				t.Fatalf("module %d,%d: dark %v", x, y, !want)
			}
		}
	}
}

func TestRecoveryHash(t *testing.T) {
	h := RecoveryHash(1, "ABCD-EFGH-JKMN-PQRS")
	if !bytes.Equal(h, RecoveryHash(1, " abcd efghjkmn-pqrs")) {
		t.Error("case, blanks and dashes matter")
	}
	if bytes.Equal(h, RecoveryHash(2, "ABCD-EFGH-JKMN-PQRS")) || bytes.Equal(h, RecoveryHash(1, "ABCD-EFGH-JKMN-PQRT")) {
		t.Error("another member or code has the same hash")
	}
	RecoveryHash(1, strings.Repeat("x", 1<<20))
}

func TestSeal(t *testing.T) {
	s, now := NewSeal([32]byte{1}), time.Unix(1000, 0)
	sealed := s.Make("a", []byte("body"), [16]byte{1}, now.Add(time.Minute))
	if body, ok := s.Open("a", sealed, now); !ok || string(body) != "body" {
		t.Fatalf("%q %v", body, ok)
	}
	for name, f := range map[string]func() bool{
		"another purpose": func() bool { _, ok := s.Open("b", sealed, now); return ok },
		"too late":        func() bool { _, ok := s.Open("a", sealed, now.Add(time.Minute)); return ok },
		"another key":     func() bool { _, ok := NewSeal([32]byte{2}).Open("a", sealed, now); return ok },
		"too short":       func() bool { _, ok := s.Open("a", sealed[:40], now); return ok },
		"empty":           func() bool { _, ok := s.Open("a", nil, now); return ok },
	} {
		if f() {
			t.Errorf("%s opens", name)
		}
	}
	for i := range sealed {
		forged := bytes.Clone(sealed)
		forged[i] ^= 1
		if _, ok := s.Open("a", forged, now); ok {
			t.Errorf("byte %d may be changed", i)
		}
	}
}

// Of all who spend the same at once, one gets it; and what has ended makes room.
func TestSpendOnce(t *testing.T) {
	s, now := NewSeal([32]byte{1}), time.Unix(1000, 0)
	sealed := s.Make("a", nil, [16]byte{1}, now.Add(time.Minute))
	var wg sync.WaitGroup
	won := make(chan bool, 8)
	for range 8 {
		wg.Go(func() {
			if s.Spend(sealed, now) {
				won <- true
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d spent it", len(won))
	}
	for i := len(s.spent); i < maxSpent; i++ {
		s.spent[[32]byte{byte(i), byte(i >> 8), byte(i >> 16), 1}] = now.Add(time.Second)
	}
	other := s.Make("a", nil, [16]byte{2}, now.Add(time.Minute))
	if s.Spend(other, now) {
		t.Error("spent although nothing more can be remembered")
	}
	if !s.Spend(other, now.Add(2*time.Second)) || s.Spend(sealed, now.Add(2*time.Second)) {
		t.Error("what ended makes no room, or what lasts was forgotten")
	}
}
