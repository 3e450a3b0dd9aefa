import { Injectable } from '@nestjs/common';
import { alertRaised, type PayloadOf } from '@darkspere/contracts';
import { Broadcasts } from '@darkspere/transport';
import { Counter, register } from 'prom-client';

export type Alert = PayloadOf<typeof alertRaised>;

/** An alert is a row (written by `analytics.raise_alert` where it happened), a metric and an event: these two are here. */
@Injectable()
export class Alerts {
  private readonly raised =
    (register.getSingleMetric('darkspere_alerts_total') as Counter | undefined) ??
    new Counter({ name: 'darkspere_alerts_total', help: 'Alerts raised by this process', labelNames: ['kind', 'severity'] });

  constructor(private readonly broadcasts: Broadcasts) {}

  /** Never fails: the row is what counts, and it is committed already. */
  announce(alert: Alert | null | undefined): void {
    if (!alert) return;
    this.raised.inc({ kind: alert.kind, severity: alert.severity });
    this.broadcasts.publish(alertRaised, alert).catch(() => undefined);
  }
}
