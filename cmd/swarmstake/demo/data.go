package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/swarmstake/swarmstake/tracker/catalog"
)

const (
	archiveName = "lost-arcade-1987.iso"
	archiveSize = 32 << 20
	pieceLength = 256 << 10
)

// writeArchive fills the file with reproducible noise and returns its SHA-256.
func writeArchive(path string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	noise := rand.NewChaCha8([32]byte([]byte("swarmstake demo archive, seed 01")))
	if _, err := io.CopyN(io.MultiWriter(f, sum), noise, archiveSize); err != nil {
		return "", fmt.Errorf("write the demo's archive: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), f.Close()
}

func createTorrent(ctx context.Context, path string) ([]byte, error) {
	return catalog.Create(ctx, path, catalog.CreateOptions{PieceLength: pieceLength, Private: true})
}

func fileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// overwrite replaces the file's contents in place with other bytes of the same length, as a
// failing disk or a cheating host would.
func overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{1}), archiveSize); err != nil {
		return err
	}
	return f.Close()
}
