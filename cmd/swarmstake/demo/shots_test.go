package demo

import (
	"bytes"
	"context"
	"image/png"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The pages are photographed in each look, by whoever may see them.
func TestPhotograph(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("SWARMSTAKE_REQUIRE_CLIENTS") == "1" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed: nothing is photographed")
	}
	s := quietStory(t)
	dir := t.TempDir()
	if err := s.photograph(t.Context(), dir, []shot{{"start", "", "/"}, {"wallet", "dan", "/wallet"}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"start-light", "start-dark", "start-phone", "wallet-light", "wallet-dark", "wallet-phone"} {
		raw, err := os.ReadFile(filepath.Join(dir, name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, _, _, _ := picture.At(2, picture.Bounds().Dy()-2).RGBA()
		if dark := r < 0x8000; dark != strings.HasSuffix(name, "-dark") {
			t.Errorf("%s: dark is %v", name, dark)
		}
		if wide := picture.Bounds().Dx(); wide != 390 && strings.HasSuffix(name, "-phone") || wide < 1000 && !strings.HasSuffix(name, "-phone") {
			t.Errorf("%s is %d px wide", name, wide)
		}
	}
}

// quietStory is a server with one member, and no story.
func quietStory(t *testing.T) *story {
	t.Helper()
	dir := t.TempDir()
	srv, err := server.Open(t.Context(), configuration(filepath.Join(dir, "server"), "127.0.0.1:0"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- srv.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	if _, err := register(t.Context(), srv.URL(), "dan"); err != nil {
		t.Fatal(err)
	}
	return &story{out: t.Output(), dir: dir, srv: srv, base: srv.URL(), start: time.Now()}
}

// There are twelve pages, each with a name of its own.
func TestShots(t *testing.T) {
	s := &story{infohash: strings.Repeat("a", 40), hosts: []*host{{node: bt.NodeID(1)}}}
	names := map[string]bool{}
	for _, p := range s.shots() {
		names[p.name] = true
	}
	if len(names) != 12 {
		t.Errorf("%d names: %v", len(names), names)
	}
}
