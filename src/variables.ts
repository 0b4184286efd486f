import { CustomVariableSupport, type DataQueryRequest, type DataQueryResponse } from '@grafana/data';
import { from, map, type Observable } from 'rxjs';
import { VariableQueryEditor } from './components/VariableQueryEditor';
import { type TidemarkDataSource } from './datasource';
import { type TidemarkVariableQuery } from './types';

export class TidemarkVariableSupport extends CustomVariableSupport<TidemarkDataSource, TidemarkVariableQuery> {
  editor = VariableQueryEditor;

  constructor(private readonly datasource: TidemarkDataSource) {
    super();
  }

  override query(request: DataQueryRequest<TidemarkVariableQuery>): Observable<DataQueryResponse> {
    const [query] = request.targets;
    if (!query) {
      return from([{ data: [] }]);
    }
    const { range, scopedVars } = request;
    return from(this.datasource.metricFindQuery(query, { range, scopedVars })).pipe(map((data) => ({ data })));
  }

  override getDefaultQuery(): Partial<TidemarkVariableQuery> {
    return { kind: 'values', search: '$__searchFilter' };
  }
}
