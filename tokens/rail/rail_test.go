package rail_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tokens/rail"
)

func randomCode(r *rand.Rand) rail.Code {
	var b [rail.RandomBytes]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return rail.NewCode(b)
}

func TestCodeForm(t *testing.T) {
	for _, c := range []struct {
		random [rail.RandomBytes]byte
		want   rail.Code
	}{
		{[12]byte{}, "00000-00000-00000-00000"},
		{[12]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 << 6}, "00000-00000-00000-001ZT"}, // 1024 + 1018 = 2·1021
		{[12]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, "ZZZZZ-ZZZZZ-ZZZZZ-ZZZ5C"},
	} {
		got := rail.NewCode(c.random)
		if got != c.want {
			t.Errorf("%x is %s, want %s", c.random, got, c.want)
		}
	}
}

func TestParseCode(t *testing.T) {
	code := rail.NewCode([12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	plain := strings.ReplaceAll(string(code), "-", "")
	for _, text := range []string{string(code), plain, strings.ToLower(string(code)), " " + strings.ReplaceAll(string(code), "-", " ") + " ",
		strings.NewReplacer("0", "o", "1", "l").Replace(string(code)), strings.NewReplacer("0", "O", "1", "I").Replace(string(code))} {
		if got, err := rail.ParseCode(text); err != nil || got != code {
			t.Errorf("%q: %s, %v, want %s", text, got, err, code)
		}
	}
	for _, text := range []string{"", "0", plain[:19], plain + "0", plain[:19] + "U", plain[:19] + "ü", strings.Repeat("0", 1000), "\xff" + plain[1:]} {
		var v *rail.VoucherError
		if _, err := rail.ParseCode(text); !errors.As(err, &v) || v.Reason != rail.Mistyped || !errors.Is(err, rail.ErrVoucher) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Every wrong character and every exchange of neighbours is noticed, as ISO 7064's checks do.
func TestMistypedCodesAreNoticed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		code := strings.ReplaceAll(string(randomCode(r)), "-", "")
		for i := range code {
			for _, c := range "0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
				wrong := code[:i] + string(c) + code[i+1:]
				if _, err := rail.ParseCode(wrong); (err == nil) != (wrong == code) {
					t.Fatalf("%s for %s: %v", wrong, code, err)
				}
			}
			if i > 0 && code[i] != code[i-1] {
				wrong := code[:i-1] + code[i:i+1] + code[i-1:i] + code[i+1:]
				if _, err := rail.ParseCode(wrong); err == nil {
					t.Fatalf("%s passes for %s", wrong, code)
				}
			}
		}
	}
}

func TestStates(t *testing.T) {
	states := []rail.State{rail.Debited, rail.Sent, rail.Confirmed, rail.Returned}
	allowed := map[[2]rail.State]bool{{rail.Debited, rail.Sent}: true, {rail.Debited, rail.Returned}: true, {rail.Debited, rail.Confirmed}: true, {rail.Sent, rail.Confirmed}: true, {rail.Sent, rail.Returned}: true}
	for _, from := range states {
		for _, to := range states {
			if got := from.Before(to); got != allowed[[2]rail.State{from, to}] || got && from.Final() {
				t.Errorf("%s → %s: %v", from, to, got)
			}
		}
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add("00000-00000-00000-00000")
	f.Add("ooooo ooooo ooooo 001zt")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := rail.ParseCode(text)
		if err != nil {
			return
		}
		if again, err := rail.ParseCode(string(code)); err != nil || again != code {
			t.Errorf("%q is read as %s, and that as %s, %v", text, code, again, err)
		}
	})
}
