import { finalize, type Observable, ReplaySubject, share, timer } from 'rxjs';
import { type Channel, type LiveState, openChannel } from './channel';

/** How long a channel stays open after its last reader, ms: a refresh leaves it and comes back. */
const LINGER_MS = 15_000;

/** The open channels of a data source, each subscribed to once, with the rows that they have told. */
export class LiveChannels {
  private readonly open = new Map<string, Observable<LiveState>>();

  constructor(private readonly uid: string) {}

  /** What the channel has told so far, at once, and from then on with every message. */
  get(channel: Channel): Observable<LiveState> {
    const { path } = channel;
    const known = this.open.get(path);
    if (known) {
      return known;
    }
    const states = openChannel(this.uid, channel).pipe(
      finalize(() => this.open.delete(path)),
      share({ connector: () => new ReplaySubject<LiveState>(1), resetOnRefCountZero: () => timer(LINGER_MS) })
    );
    this.open.set(path, states);
    return states;
  }
}
