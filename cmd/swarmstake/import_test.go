package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

// TestImportEndsBetweenSteps: Ctrl-C does not break off the step that was begun, whose link is said once.
func TestImportEndsBetweenSteps(t *testing.T) {
	conf := server.DefaultConfig()
	conf.Data, conf.URL = filepath.Join(t.TempDir(), "data"), "https://t.example"
	ctx, cancel := context.WithCancel(t.Context())
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	steps := 0
	err := withImporter(cmd, conf, "members", 3, func(ctx context.Context, to *server.Importer, _ int) error {
		steps++
		cancel()
		done, err := to.Member(ctx, server.ImportMember{Name: "anna", LinkTTL: time.Hour})
		if err != nil || done.Link == "" {
			t.Errorf("the step was broken off: %+v, %v", done, err)
		}
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || steps != 1 {
		t.Errorf("%d steps, %v", steps, err)
	}
}

// TestLostLinkIsNamed: the member is there, and a repeated import leaves them as they are.
func TestLostLinkIsNamed(t *testing.T) {
	out, err := openCSV(filepath.Join(t.TempDir(), "links.csv"), os.O_APPEND, "name", "link", "expires")
	if err != nil {
		t.Fatal(err)
	}
	out.f.Close()
	if err := out.addLink(server.Imported{Name: "anna", Link: "x"}, time.Hour); err == nil || !strings.Contains(err.Error(), "password-link anna") {
		t.Error(err)
	}
}
