// SPDX-License-Identifier: Apache-2.0

package encryptedkey_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/encryptedkey"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
)

const name = "provider.nhs.uk"

func said(password string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return password, nil }
}

// encrypted has openssl write the key in the file, and returns the PEM.
func encrypted(t *testing.T, keyFile string, command ...string) []byte {
	t.Helper()
	openssl := testenv.Need(t, "openssl", "openssl")
	cmd := exec.CommandContext(t.Context(), openssl, append(command, "-in", keyFile, "-passout", "stdin")...)
	cmd.Stdin = bytes.NewReader([]byte("pass\n"))
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	require.NoError(t, err, "%s", problems.String())
	return out
}

// A file that openssl encrypted, by each of its forms, is read with its password, or
// the error says why it is not.
func TestFilesOfOpenSSL(t *testing.T) {
	t.Parallel()
	pki := testpki.Spine()
	own := pki.Leaf(name)
	written := pki.Write(t, own)
	chain, err := os.ReadFile(written.Cert)
	require.NoError(t, err)
	plain, err := os.ReadFile(written.Key)
	require.NoError(t, err)
	pkcs8 := encrypted(t, written.Key, "pkcs8", "-topk8")
	legacy := encrypted(t, written.Key, "rsa", "-traditional", "-aes128")
	reversed := append(bytes.Clone(chain[bytes.LastIndex(chain, []byte("-----BEGIN")):]), chain[:bytes.LastIndex(chain, []byte("-----BEGIN"))]...)
	noPadding := func(pemText []byte) []byte { // so that decrypting fails in the library, whatever the password
		block, _ := pem.Decode(pemText)
		block.Bytes = block.Bytes[:len(block.Bytes)-1]
		return pem.EncodeToMemory(block)
	}
	for what, test := range map[string]struct {
		cert, key []byte
		password  func(context.Context) (string, error)
		want      string // part of the error; empty: it is read
	}{
		"PKCS #8":                             {chain, pkcs8, said("pass"), ""},
		"PKCS #8, scrypt":                     {chain, encrypted(t, written.Key, "pkcs8", "-topk8", "-scrypt"), said("pass"), ""},
		"PKCS #8, Triple DES":                 {chain, encrypted(t, written.Key, "pkcs8", "-topk8", "-v2", "des3"), said("pass"), ""},
		"PKCS #8, SHA-512":                    {chain, encrypted(t, written.Key, "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"), said("pass"), "hash function"},
		"PKCS #8, PBES1":                      {chain, encrypted(t, written.Key, "pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"), said("pass"), "PBES2"},
		"DEK-Info":                            {chain, legacy, said("pass"), ""},
		"DEK-Info, AES-256":                   {chain, encrypted(t, written.Key, "rsa", "-traditional", "-aes256"), said("pass"), ""},
		"DEK-Info, Triple DES":                {chain, encrypted(t, written.Key, "rsa", "-traditional", "-des3"), said("pass"), ""},
		"PKCS #8, with a byte order mark":     {chain, append([]byte("\xef\xbb\xbf"), pkcs8...), said("pass"), ""},
		"not encrypted":                       {chain, plain, func(context.Context) (string, error) { t.Error("asked"); return "", nil }, ""},
		"both in one file":                    {append(bytes.Clone(chain), pkcs8...), nil, said("pass"), ""},
		"PKCS #8, another password":           {chain, pkcs8, said("sesame"), "PKCS #8"},
		"DEK-Info, another password":          {chain, legacy, said("sesame"), "own.key: "},
		"an empty password":                   {chain, pkcs8, said(""), "the password: it is empty"},
		"no password to be had":               {chain, pkcs8, func(context.Context) (string, error) { return "", errors.New("the store is locked") }, "the password: the store is locked"},
		"nothing that says it":                {chain, legacy, nil, "no function"},
		"PKCS #8 that is none":                {chain, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), said("pass"), "PKCS #8"},
		"DEK-Info that is none":               {chain, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "x"}}), said("pass"), "DEK-Info"},
		"PKCS #8, cut short":                  {chain, noPadding(pkcs8), said("pass"), "PKCS #8"},
		"the key cut short":                   {chain, pkcs8[:len(pkcs8)-20], said("pass"), "own.key: a PEM object is damaged"},
		"the certificate cut short":           {chain[:len(chain)-20], pkcs8, said("pass"), "own.pem: a PEM object is damaged"},
		"the SubCA first":                     {reversed, pkcs8, said("pass"), "wrong order"},
		"a key that is not the certificate's": {otherChain(), pkcs8, said("pass"), "own.pem, "},
	} {
		dir := t.TempDir()
		certFile, keyFile := filepath.Join(dir, "own.pem"), filepath.Join(dir, "own.key")
		require.NoError(t, os.WriteFile(certFile, test.cert, 0o600))
		if test.key == nil {
			keyFile = certFile
		} else {
			require.NoError(t, os.WriteFile(keyFile, test.key, 0o600))
		}
		cert, err := encryptedkey.Files(certFile, keyFile, test.password)(t.Context())
		if test.want != "" {
			assert.ErrorContains(t, err, test.want, what)
			assert.ErrorContains(t, err, dir, what)
			assert.NotContains(t, err.Error(), "sesame", what)
			assert.Nil(t, cert, what)
			continue
		}
		if assert.NoError(t, err, what) {
			assert.Equal(t, own.Certificate, cert.Certificate, what)
		}
		endpoint := pki.Endpoint(own, "ssp.nhs.uk")
		endpoint.Certificate = encryptedkey.Files(certFile, keyFile, test.password)
		_, err = endpoint.ServerConfig()
		assert.NoError(t, err, what)
	}
}

// otherChain is that of a certificate with another key.
func otherChain() []byte {
	return testca.PEM("CERTIFICATE", testpki.Spine().ECDSALeaf(name).Certificate...)
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	pki := testpki.Spine()
	older, newer := pki.Leaf(name), pki.Leaf(name)
	written := pki.Write(t, older)
	key := encrypted(t, written.Key, "rsa", "-traditional", "-aes128") // PKCS #8 takes a while by design
	require.NoError(t, os.WriteFile(written.Key, key, 0o600))
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		source := encryptedkey.Files(written.Cert, written.Key, func(context.Context) (string, error) { asked++; return "pass", nil })
		first := testpki.Unchanged(t, source, &asked)

		require.NoError(t, os.WriteFile(written.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: newer.Leaf.Raw}), 0o600))
		require.NoError(t, os.WriteFile(written.Key, key[:len(key)/2], 0o600))
		time.Sleep(time.Second)
		kept, err := source(t.Context())
		assert.Error(t, err)
		assert.Same(t, first, kept)
		require.NoError(t, os.WriteFile(written.Key, key, 0o600))
		time.Sleep(time.Second)
		renewed, err := source(t.Context())
		require.NoError(t, err)
		leaf, err := x509.ParseCertificate(renewed.Certificate[0])
		require.NoError(t, err)
		assert.Equal(t, newer.Leaf.SerialNumber, leaf.SerialNumber)
	})
}
