package server

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/swarmstake/swarmstake/store"
)

// acmeDir is the folder of the account and the certificate in the data folder.
const acmeDir = "acme"

// acmeFiles keeps the account's key and the last certificate, for its owner only.
type acmeFiles struct {
	dir  string
	name string // of the certificate: another host or authority has another
}

func openACMEFiles(data, host, directory string) (acmeFiles, error) {
	sum := sha256.Sum256([]byte(directory))
	f := acmeFiles{dir: filepath.Join(data, acmeDir), name: fmt.Sprintf("%s-%x.pem", host, sum[:4])}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return f, fmt.Errorf("make the folder of certificates: %w", err)
	}
	return f, os.Chmod(f.dir, 0o700)
}

// account is the key of the account at the certificate authority; a new one if there is none.
func (f acmeFiles) account() (crypto.Signer, error) {
	path := filepath.Join(f.dir, "account.pem")
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		block, err := keyBlock(key)
		if err != nil {
			return nil, err
		}
		return key, f.write(path, pem.EncodeToMemory(block))
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key: remove it, and a new account is made", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s holds no key that can be used: remove it, and a new account is made", path)
	}
	return signer, nil
}

// certificate is the last one that was kept. os.ErrNotExist: there is none.
func (f acmeFiles) certificate() (*tls.Certificate, error) {
	b, err := os.ReadFile(filepath.Join(f.dir, f.name))
	if err != nil {
		return nil, err
	}
	c, err := tls.X509KeyPair(b, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(f.dir, f.name), err)
	}
	return &c, nil
}

// keep writes a certificate with its chain and its key.
func (f acmeFiles) keep(c *tls.Certificate) error {
	block, err := keyBlock(c.PrivateKey)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, der := range c.Certificate {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return err
		}
	}
	if err := pem.Encode(&b, block); err != nil {
		return err
	}
	return f.write(filepath.Join(f.dir, f.name), b.Bytes())
}

func keyBlock(key any) (*pem.Block, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, nil
}

// write replaces a file so that a kill at any moment leaves the old or the new one.
func (f acmeFiles) write(path string, b []byte) error {
	tmp, err := os.CreateTemp(f.dir, ".new-*") // made with 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(tmp.Name(), path), store.SyncDir(f.dir))
}
