using Attention.TestKit;

namespace Attention.Tests.Backends;

/// <summary>The backend that counts is one.</summary>
public class CountingBackendTests
{
    public static TheoryData<string> Checks => [.. BackendContract.Checks];

    [Theory]
    [MemberData(nameof(Checks))]
    public void Keeps(string check) => new BackendContract(static () => new CountingBackend()).Run(check);
}
