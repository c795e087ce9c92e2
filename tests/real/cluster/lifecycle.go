package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/klog/v2"
)

// stopLimit is how long one component may take to end; the process ends with or without it.
const stopLimit = 8 * time.Second

// components are the running parts. The last one started is the first one stopped: nothing outlives what it talks to.
type components struct {
	failed chan error
	stops  []func()
}

func newComponents() *components { return &components{failed: make(chan error, 8)} }

// run starts a part that lives until its context ends; an earlier end is a failure of the cluster.
func (c *components) run(name string, body func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := body(ctx)
		if ctx.Err() == nil {
			c.failed <- fmt.Errorf("%s ended: %v", name, err)
		}
	}()
	c.stops = append(c.stops, func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(stopLimit):
			klog.Warningf("%s did not end within %s", name, stopLimit)
		}
	})
}

func (c *components) stop() {
	for i := len(c.stops) - 1; i >= 0; i-- {
		c.stops[i]()
	}
}

// orFailure gives a context that ends with ctx, or when a part fails.
func (c *components) orFailure(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case err := <-c.failed:
			c.failed <- err
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx
}

// reason is the failure of a part, where there is one, else err: waiting for a dead part only runs out of time.
func (c *components) reason(err error) error {
	select {
	case failure := <-c.failed:
		return failure
	default:
		return err
	}
}
