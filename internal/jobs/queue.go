package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"exchequer/internal/outbox"
)

// queue is the transport: it takes tickets and can be asked whether it still holds one.
type queue struct {
	client    *asynq.Client
	inspector *asynq.Inspector
	name      string
	options   []asynq.Option
}

func openQueue(redis asynq.RedisConnOpt, name string, cfg Config) *queue {
	return &queue{
		client: asynq.NewClient(redis), inspector: asynq.NewInspector(redis), name: name,
		// asynq's own timeout stands behind the handler's, for a handler that does not heed its context.
		options: []asynq.Option{asynq.Queue(name), asynq.MaxRetry(cfg.MaxRetry), asynq.Timeout(cfg.Timeout + 5*time.Second)},
	}
}

func (q *queue) close() {
	// Nothing is lost with a connection that does not close cleanly.
	_ = q.client.Close()
	_ = q.inspector.Close()
}

// ping reports whether Redis answers, so that rows are not claimed for a queue that cannot take them.
func (q *queue) ping() error { return q.client.Ping() }

// put hands a ticket over. A ticket the queue already holds counts as handed over.
func (q *queue) put(ctx context.Context, t outbox.Ticket) error {
	task := asynq.NewTask(taskType, []byte(strconv.FormatInt(t.ID, 10)))
	_, err := q.client.EnqueueContext(ctx, task, append([]asynq.Option{asynq.TaskID(taskID(t))}, q.options...)...)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

// holds reports whether the ticket waits in Redis for a worker. A ticket that Redis calls active but that was never
// started belongs to a worker that is gone: asynq would need a minute to find out.
func (q *queue) holds(t outbox.Ticket) (bool, error) {
	info, err := q.inspector.GetTaskInfo(q.name, taskID(t))
	if errors.Is(err, asynq.ErrQueueNotFound) || errors.Is(err, asynq.ErrTaskNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return info.State == asynq.TaskStatePending, nil
}

// taskType is one for all kinds: what a task is about stands in PostgreSQL.
const taskType = "outbox"

func taskID(t outbox.Ticket) string { return fmt.Sprintf("%d-%d", t.ID, t.Attempt) }

func parseTaskID(s string) (t outbox.Ticket, err error) {
	id, attempt, ok := strings.Cut(s, "-")
	if !ok {
		return t, fmt.Errorf("task id %q is not of the form row-attempt", s)
	}
	if t.ID, err = strconv.ParseInt(id, 10, 64); err != nil {
		return t, fmt.Errorf("task id %q: %w", s, err)
	}
	if t.Attempt, err = strconv.Atoi(attempt); err != nil {
		return t, fmt.Errorf("task id %q: %w", s, err)
	}
	return t, nil
}

// asynqLog lets asynq speak through slog, for those who look for it: what it calls an error (Redis is away, a task it
// finished is no longer there) is waited out here, and the relay says once that Redis is away and that it is back.
type asynqLog struct{ log *slog.Logger }

func (l asynqLog) Debug(...any)      {}
func (l asynqLog) Info(args ...any)  { l.log.Debug(fmt.Sprint(args...), "by", "asynq") }
func (l asynqLog) Warn(args ...any)  { l.log.Debug(fmt.Sprint(args...), "by", "asynq") }
func (l asynqLog) Error(args ...any) { l.log.Debug(fmt.Sprint(args...), "by", "asynq") }

// Fatal must end the program by asynq's contract; it is called where asynq cannot go on in any way.
func (l asynqLog) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
