using Xunit.Abstractions;
using Xunit.Sdk;

namespace Attention.Tests.Conformance;

/// <summary>Writes lines that every run shows, whether its tests pass or not: the output of a test that passes is not shown.</summary>
public sealed class RunLog(IMessageSink sink)
{
    public void WriteLine(string line) => sink.OnMessage(new DiagnosticMessage(line));
}
