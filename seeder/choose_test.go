package seeder_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func candidate(id byte, size bt.Bytes, price, seeders uint64) seeder.Candidate {
	return seeder.Candidate{InfoHash: bt.InfoHash{id}, Size: size, Price: price, Seeders: seeders}
}

func TestChoose(t *testing.T) {
	for name, tc := range map[string]struct {
		free bt.Bytes
		in   []seeder.Candidate
		want []byte
	}{
		"hot first":                  {10, []seeder.Candidate{candidate(1, 10, 5, 0), candidate(2, 10, 6, 0)}, []byte{2}},
		"scarce before hot":          {10, []seeder.Candidate{candidate(1, 10, 10, 4), candidate(2, 10, 3, 0)}, []byte{2}},
		"fills up with what fits":    {10, []seeder.Candidate{candidate(1, 8, 9, 0), candidate(2, 5, 8, 0), candidate(3, 2, 1, 0)}, []byte{1, 3}},
		"nothing fits":               {1, []seeder.Candidate{candidate(1, 2, 9, 0)}, nil},
		"free or empty is not worth": {10, []seeder.Candidate{candidate(1, 2, 0, 0), candidate(2, 0, 9, 0), candidate(3, -1, 9, 0)}, nil},
		"equal: the smaller":         {5, []seeder.Candidate{candidate(1, 5, 4, 1), candidate(2, 4, 2, 0)}, []byte{2}},
		"no overflow":                {5, []seeder.Candidate{candidate(1, 5, 1<<64-1, 1<<64-1), candidate(2, 5, 1<<63, 0)}, []byte{2}},
		"quota is exceeded already":  {-5, []seeder.Candidate{candidate(1, 1, 1, 0)}, nil},
	} {
		var got []byte
		for _, c := range seeder.Choose(tc.in, tc.free) {
			got = append(got, c.InfoHash[0])
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: chose %v, want %v", name, got, tc.want)
		}
	}
}

func TestChooseKeepsTheQuotaInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) seeder.Candidate {
			return candidate(rapid.Byte().Draw(t, "id"), bt.Bytes(rapid.Int64Range(-1, 1<<50).Draw(t, "size")),
				rapid.Uint64().Draw(t, "price"), rapid.Uint64().Draw(t, "seeders"))
		})
		in := rapid.SliceOfNDistinct(one, 0, 20, func(c seeder.Candidate) bt.InfoHash { return c.InfoHash }).Draw(t, "candidates")
		free := bt.Bytes(rapid.Int64Range(0, 1<<52).Draw(t, "free"))
		got := seeder.Choose(in, free)
		var sum bt.Bytes
		for _, c := range got {
			sum += c.Size
		}
		if sum > free {
			t.Fatalf("chose %d bytes of %d", sum, free)
		}
		if again := seeder.Choose(rapid.Permutation(in).Draw(t, "order"), free); !slices.Equal(got, again) {
			t.Fatalf("the choice depends on the order: %v, %v", got, again)
		}
	})
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"5GB": 5e9, "5GiB": 5 << 30, "500MiB": 500 << 20, "2mib": 2 << 20, "1.5 TB": 15e11,
		"123": 123, "123B": 123, "0": 0, "10K": 10_000, "0.5KiB": 512, "8PiB": 8 << 50} {
		if got, err := seeder.ParseSize(text); err != nil || got != want {
			t.Errorf("%q = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GB", "-5GB", "5XB", "5 GB GB", "1e3", "9999999PB", "5iB", "1/2GB", "5KMB", "0x10"} {
		if got, err := seeder.ParseSize(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestServerURL(t *testing.T) {
	for in, want := range map[string]string{"tracker.example": "https://tracker.example", "http://127.0.0.1:8080/": "http://127.0.0.1:8080",
		"https://x/sub/": "https://x/sub"} {
		if got, err := seeder.ServerURL(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "ftp://x", "http://"} {
		if got, err := seeder.ServerURL(in); err == nil {
			t.Errorf("%q was read as %q", in, got)
		}
	}
}
