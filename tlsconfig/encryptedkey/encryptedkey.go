// SPDX-License-Identifier: Apache-2.0

// Package encryptedkey presents the own certificate from PEM files whose key is
// encrypted with a password: as PKCS #8 (ENCRYPTED PRIVATE KEY; RFC 5958 section 3, with
// the PBES2 of RFC 8018 section 6.2), which is what "openssl genpkey -aes256" writes, or
// by a DEK-Info header (RFC 1421), which is what OpenSSL wrote before version 3.
// Decrypting is github.com/youmark/pkcs8's and crypto/x509's.
//
//	endpoint.Certificate = encryptedkey.Files("provider.pem", "provider.key", func(ctx context.Context) (string, error) {
//		password, err := os.ReadFile("/run/credentials/provider.service/password")
//		return strings.TrimSuffix(string(password), "\n"), err
//	})
package encryptedkey

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/youmark/pkcs8"

	"github.com/nrlsecurity/nrlsecurity/internal/files"
	"github.com/nrlsecurity/nrlsecurity/internal/pemtext"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Files is [tlsconfig.CertificateFiles] for a key that is encrypted with a password,
// which is asked each time that a file has changed, and at most once a second while the
// key cannot be read with the last one. It is not kept, and must not be empty. A key that is not encrypted is read without it.
//
// Of PKCS #8, PBES2 is read with PBKDF2 (by SHA-1 or SHA-256, which is OpenSSL's default) or scrypt,
// and AES or Triple DES; PBES1 and other hash functions are refused.
func Files(certFile, keyFile string, password func(context.Context) (string, error)) tlsconfig.CertificateSource {
	return files.Source(func(ctx context.Context, contents [][]byte) (*tls.Certificate, error) {
		cert, err := pemtext.Plain(contents[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", certFile, err)
		}
		key, err := pemtext.Plain(contents[1])
		if err == nil {
			key, err = decrypted(ctx, key, password)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keyFile, err)
		}
		pair, err := pemtext.KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", certFile, keyFile, err)
		}
		return pair, nil
	}, certFile, keyFile)
}

// decrypted returns the PEM text with its encrypted keys as PKCS #8 or PKCS #1.
func decrypted(ctx context.Context, text []byte, password func(context.Context) (string, error)) (plain []byte, err error) {
	said := ""
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if pemtext.Encrypted(block) {
			if said == "" {
				if said, err = ask(ctx, password); err != nil {
					return nil, err
				}
			}
			if block, err = decrypt(block, []byte(said)); err != nil {
				return nil, err
			}
		}
		plain = append(plain, pem.EncodeToMemory(block)...)
	}
	return plain, nil
}

func ask(ctx context.Context, password func(context.Context) (string, error)) (string, error) {
	if password == nil {
		return "", errors.New("the key is encrypted, and there is no function that says the password")
	}
	said, err := password(ctx)
	if err == nil && said == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fmt.Errorf("the password: %w", err)
	}
	return said, nil
}

func decrypt(block *pem.Block, password []byte) (plain *pem.Block, err error) {
	defer func() {
		if r := recover(); r != nil { // of a library that reads what others wrote
			plain, err = nil, fmt.Errorf("decrypting the key panicked: %v", r)
		}
	}()
	if block.Type != "ENCRYPTED PRIVATE KEY" {
		//lint:ignore SA1019 who could learn from its errors can write the operator's own file; the form is there to be read
		der, err := x509.DecryptPEMBlock(block, password)
		if err != nil {
			return nil, fmt.Errorf("the key encrypted by DEK-Info: %w", err)
		}
		return &pem.Block{Type: block.Type, Bytes: der}, nil
	}
	key, err := pkcs8.ParsePKCS8PrivateKey(block.Bytes, password)
	if err != nil {
		return nil, fmt.Errorf("the key encrypted by PKCS #8: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("the key encrypted by PKCS #8: %w", err)
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, nil
}
