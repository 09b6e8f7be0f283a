// SPDX-License-Identifier: Apache-2.0

package rediscache_test

import (
	"context"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// replies is a hook that counts the values of the largest answer.
type replies struct{ largest atomic.Int64 }

func (r *replies) most() int { return int(r.largest.Load()) }

func (r *replies) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *replies) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (r *replies) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		n := 0
		switch c := cmd.(type) {
		case *redis.StringSliceCmd:
			n = len(c.Val())
		case *redis.Cmd:
			values, _ := c.Val().([]any)
			n = len(values)
		}
		r.largest.Store(max(r.largest.Load(), int64(n)))
		return err
	}
}
