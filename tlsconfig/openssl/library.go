// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// system loads the library once. It is never unloaded. The version is part of
// the files' names: another major version is another ABI.
var system = sync.OnceValues(func() (*library, error) {
	l, err := load("libcrypto.so.3", "libssl.so.3")
	if err == nil {
		err = checkVersion(uint64(call(l.versionNum)))
	}
	if err == nil {
		l.version, err = l.text(call(l.versionText, 0))
	}
	if err != nil {
		return nil, fmt.Errorf("no usable libssl 3: %w", err)
	}
	l.verifyCallback, l.alpnCallback, l.statusCallback = callback(acceptForNow), callback(selectProtocol), callback(stapleWhatIsThere)
	name := cString("crypto.Signer")
	if l.signMethod = call(l.rsaMethNew, uintptr(pointer(name)), 0); l.signMethod == 0 {
		return nil, errNoMemory
	}
	call(l.rsaMethSetSign, l.signMethod, callback(signDigest))
	call(l.rsaMethSetPrivEnc, l.signMethod, callback(signNoBlock))
	return l, nil
})

// checkVersion reads what OpenSSL_version_num returns: 0xMNN00PP0L.
func checkVersion(number uint64) error {
	const major = 28
	if number>>major != 3 {
		return fmt.Errorf("the library's version is %d.%d", number>>major, number>>20&0xff)
	}
	return nil
}

// protected runs f with one OS thread and that thread's error queue to itself.
// f returns whether it succeeded; if it did not, what the queue holds becomes
// the error.
func (l *library) protected(what string, f func() bool) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	call(l.errClearError)
	if f() {
		return nil
	}
	return l.queued(what)
}

// queued turns the thread's error queue into an error and leaves it empty. Of
// its entries the first of libssl's own says what happened in terms of TLS; the
// others are of the layers below.
func (l *library) queued(what string) *LibraryError {
	e := &LibraryError{Call: what}
	for {
		code := uint64(call(l.errGetError))
		if code == 0 {
			break
		}
		if e.code == 0 || !ofSSL(e.code) && ofSSL(code) {
			e.code = code
		}
	}
	if e.code != 0 {
		var text [256]byte
		call(l.errErrorStringN, uintptr(e.code), uintptr(unsafe.Pointer(&text)), uintptr(len(text)))
		e.Reason = reasonOf(text[:])
	}
	return e
}

// scratch runs f with a BIO in memory. It carries bytes between Go and what C
// gives a pointer to: libcrypto does the copying, Go never follows a C pointer.
func (l *library) scratch(f func(bio uintptr) error) error {
	bio := call(l.bioNew, call(l.bioSMem))
	if bio == 0 {
		return errNoMemory
	}
	l.live.bios.Add(1)
	defer func() {
		call(l.bioFree, bio)
		l.live.bios.Add(-1)
	}()
	return f(bio)
}

// write appends b to a BIO in memory.
func (l *library) write(bio uintptr, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if n := int32(call(l.bioWrite, bio, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))); int(n) != len(b) {
		return errNoMemory
	}
	return nil
}

// drain appends all that a BIO in memory holds to b.
func (l *library) drain(bio uintptr, b []byte) []byte {
	n := l.pending(bio)
	if n == 0 {
		return b
	}
	start := len(b)
	b = append(b, make([]byte, n)...)
	n = int(int32(call(l.bioRead, bio, uintptr(unsafe.Pointer(unsafe.SliceData(b[start:]))), uintptr(n))))
	return b[:start+max(n, 0)]
}

func (l *library) pending(bio uintptr) int {
	const bioCtrlPending = 10
	return int(call(l.bioCtrl, bio, bioCtrlPending, 0, 0))
}

// bytes copies n bytes from C memory.
func (l *library) bytes(p uintptr, n int) (b []byte, err error) {
	if p == 0 || n <= 0 {
		return nil, nil
	}
	err = l.scratch(func(bio uintptr) error {
		if int(int32(call(l.bioWrite, bio, p, uintptr(n)))) != n {
			return errNoMemory
		}
		b = l.drain(bio, nil)
		return nil
	})
	return b, err
}

// given copies b to C memory that libssl may free.
func (l *library) given(b []byte) (p uintptr, err error) {
	if p = call(l.cryptoMalloc, uintptr(len(b)), 0, 0); p == 0 {
		return 0, errNoMemory
	}
	err = l.scratch(func(bio uintptr) error {
		if err := l.write(bio, b); err != nil {
			return err
		}
		if int(int32(call(l.bioRead, bio, p, uintptr(len(b))))) != len(b) {
			return errNoMemory
		}
		return nil
	})
	if err != nil {
		call(l.cryptoFree, p, 0, 0)
		return 0, err
	}
	return p, nil
}

// text copies a C string.
func (l *library) text(p uintptr) (s string, err error) {
	if p == 0 {
		return "", nil
	}
	err = l.scratch(func(bio uintptr) error {
		if int32(call(l.bioPuts, bio, p)) < 0 {
			return errNoMemory
		}
		s = string(l.drain(bio, nil))
		return nil
	})
	return s, err
}

// der encodes an X509.
func (l *library) der(x509 uintptr) (der []byte, err error) {
	err = l.scratch(func(bio uintptr) error {
		if int32(call(l.i2dX509Bio, bio, x509)) != 1 {
			return errNoMemory
		}
		der = l.drain(bio, nil)
		return nil
	})
	return der, err
}

// withCertificate parses der and runs f with the X509, which lives as long as f
// unless f makes a reference of its own.
func (l *library) withCertificate(der []byte, f func(x509 uintptr) error) error {
	return l.decoded("d2i_X509_bio", l.d2iX509Bio, l.x509Free, &l.live.certificates, der, f)
}

// withKey does the same for a private key, PKCS #8.
func (l *library) withKey(der []byte, f func(pkey uintptr) error) error {
	return l.decoded("d2i_PrivateKey_bio", l.d2iPrivateKeyBio, l.pkeyFree, &l.live.keys, der, f)
}

func (l *library) decoded(name string, decode, free uintptr, live *atomic.Int64, der []byte, f func(uintptr) error) error {
	var object uintptr
	err := l.scratch(func(bio uintptr) error {
		if err := l.write(bio, der); err != nil {
			return err
		}
		return l.protected(name, func() bool {
			object = call(decode, bio, 0)
			return object != 0
		})
	})
	if err != nil {
		return err
	}
	live.Add(1)
	defer func() {
		call(free, object)
		live.Add(-1)
	}()
	return f(object)
}

// cString is s as C wants it.
func cString(s string) []byte { return append([]byte(s), 0) }

// pointer is for the argument list of call only.
func pointer(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

var errNoMemory = errors.New("libcrypto is out of memory")
